"""Words as classes of phones: what a word sounds like, whatever language it is in.

eSpeak NG turns letters into the symbols of the International Phonetic Alphabet; here they are
gathered into twenty-two classes that can still be told apart when they are sung.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from functools import lru_cache
from threading import Lock

from ..errors import UsageError

CLASSES = (
    "pause", "a", "æ", "e", "ə", "i", "y", "o", "u", "m", "n", "l", "r", "w", "j", "v", "s", "ʃ", "f", "h",
    "p", "b",
)  # fmt: skip
VOWELS = frozenset({"a", "æ", "e", "ə", "i", "y", "o", "u"})
_SYMBOLS = {
    "a": "aɑɐʌɒ", "æ": "æ", "e": "eɛ", "ə": "əɜœøɚɘɵɝᵊɤ", "i": "iɪɨᵻ", "y": "yʏ", "o": "oɔ", "u": "uʊɯʉ",
    "m": "mɱ", "n": "nɲŋɴɳ", "l": "lɫʎɭ", "r": "ɾrɹʁʀɻɽ", "w": "wʋɥɰ", "j": "jʝ", "v": "vβðɣ", "s": "sz",
    "ʃ": "ʃʒɕʑʂʐ", "f": "fθ", "h": "hxχçɸɦħ", "p": "ptkʔcqʈ", "b": "bdɡgɟɖ",
}  # fmt: skip
CLASS_OF = {symbol: name for name, symbols in _SYMBOLS.items() for symbol in symbols}
_UNSPEAKABLE = ("p", "a")
"""What stands for a word that no rule can read: a syllable."""
_VOICES = {"en": "en-us", "es": "es-419", "zh": "cmn", "pt": "pt-br", "no": "nb"}
_READ_AS = {
    "CJK": ("zh", "cmn", "yue", "hak", "ja", "ko"), "HIRAGANA": ("ja",), "KATAKANA": ("ja",),
    "HANGUL": ("ko",), "CYRILLIC": ("ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "tt", "ba", "cv"),
    "GREEK": ("el", "grc"), "ARABIC": ("ar", "fa", "ur", "sd", "ug"), "HEBREW": ("he",),
    "DEVANAGARI": ("hi", "mr", "ne", "kok"),
}  # fmt: skip
"""Languages written in a script; a word in it is read in the first when the lyrics' language is another."""
_NOT_LATIN = frozenset(name for names in _READ_AS.values() for name in names) - {"sr", "tt"}
_MARKS = re.compile(r"\([^)]*\)")
_IPA, _UTF8, _SYNCHRONOUS = 2, 1, 2
_TRIES = 200


def phones(word: str, language: str) -> tuple[str, ...]:
    """The classes of a word's phones, in order, at least one; two alike in a row count once.

    Args:
        language: that of the lyrics, a code that `voice_of` knows, as in ``en``. A word in letters that are
            not that language's is read in one that they belong to.
    """
    found: list[str] = []
    for symbol in _spoken(word, voice_of(_language_of_letters(word, language))):
        kind = CLASS_OF.get(symbol)
        if kind and (not found or found[-1] != kind):
            found.append(kind)
    return tuple(found) or _UNSPEAKABLE


@lru_cache(maxsize=64)
def voice_of(language: str) -> str:
    """The name of eSpeak's rules for a language.

    Raises:
        UsageError: it has none.
    """
    name = _VOICES.get(language.lower(), language.lower())
    with _LOCK:
        if _espeak().espeak_SetVoiceByName(name.encode()) == 0:
            return name
    raise UsageError(
        f"no pronunciation is known for the language {language!r}", where="language",
        hint="give its code, as in en, es, fr, de, pt, zh",
    )  # fmt: skip


def language_of(text: str) -> str:
    """The code of the language, of those with rules, that a text is most likely in.

    By Lui and Baldwin, "langid.py", ACL 2012; ``en`` for a text without letters.
    """
    letters = " ".join(re.sub(r"[\[(][^\])]*[\])]", " ", text).split())
    if not any(letter.isalpha() for letter in letters):
        return "en"
    from py3langid import rank

    return next((str(code) for code, _ in rank(letters) if _spoken_by_rules(str(code))), "en")


def _spoken_by_rules(language: str) -> bool:
    try:
        voice_of(language)
    except UsageError:
        return False
    return True


def _language_of_letters(word: str, language: str) -> str:
    """The language of the lyrics, or one that the word's script belongs to where theirs is another."""
    letter = next((letter for letter in word if letter.isalpha()), "1")
    script = re.split("[ -]", unicodedata.name(letter, ""))[0]
    plain = language.lower().split("-")[0]
    read_as = _READ_AS.get(script, (plain,))
    if script == "LATIN" and plain in _NOT_LATIN:
        read_as = ("en",)
    return language if plain in read_as or not _spoken_by_rules(read_as[0]) else read_as[0]


@lru_cache(maxsize=50_000)
def _spoken(word: str, voice: str) -> str:
    """The word in phonetic symbols; none for letters that eSpeak can only name, and it does so in English."""
    letters = "".join(c for c in word if c.isalnum() or unicodedata.category(c)[0] == "M" or c in "'’-")
    text = ctypes.c_char_p(letters.encode())
    said = ""
    with _LOCK:
        library = _espeak()
        library.espeak_SetVoiceByName(voice.encode())
        for _ in range(_TRIES):
            if not text.value:
                break
            said += library.espeak_TextToPhonemes(ctypes.byref(text), _UTF8, _IPA).decode("utf-8", "ignore")
    if "(en)" in said and not voice.startswith("en"):
        return ""
    return _MARKS.sub("", said)


_LOCK = Lock()
"""The library speaks for one at a time."""


@lru_cache(maxsize=1)
def _espeak() -> ctypes.CDLL:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 1 << 15)
    return library
