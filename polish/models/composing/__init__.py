"""The parts of the built-in composer: harmony, melody, rhythm, words, form, synthesis, voice.

Nothing here needs weights. Everything random comes from one seeded generator, so that a
seed always gives the same song.
"""
