"""MusicGen's real classes, very small and with random weights, saved as the real ones are."""

from __future__ import annotations

from pathlib import Path

RATE_HZ = 3200
TOKENS_PER_S = 50


def save(folder: Path, *, melody: bool = False, channels: int = 1, seed: int = 0, shard: str = "1GB") -> Path:
    """Save a model and its tokenizer into `folder` in the layout of the hub's repositories."""
    import torch
    from transformers import (
        EncodecConfig,
        MusicgenConfig,
        MusicgenForConditionalGeneration,
        MusicgenMelodyConfig,
        MusicgenMelodyForConditionalGeneration,
        T5Config,
    )

    text = T5Config(
        vocab_size=64, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    codec = EncodecConfig(
        sampling_rate=RATE_HZ, audio_channels=1, normalize=False, hidden_size=16, num_filters=4,
        num_residual_layers=1, upsampling_ratios=[8, 8], codebook_size=32, codebook_dim=16,
        target_bandwidths=[1.0], num_lstm_layers=1, use_causal_conv=False, chunk_length_s=None,
    )  # fmt: skip
    decoder = {
        "vocab_size": 32, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32,
        "num_codebooks": 4 * channels, "audio_channels": channels, "pad_token_id": 32, "bos_token_id": 32,
        "max_position_embeddings": 2048,
    }  # fmt: skip
    parts = {"text_encoder": text.to_dict(), "audio_encoder": codec.to_dict(), "decoder": decoder}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if melody:
            config = MusicgenMelodyConfig(**parts, num_chroma=12, chroma_length=235)
            model = MusicgenMelodyForConditionalGeneration(config)
        else:
            model = MusicgenForConditionalGeneration(MusicgenConfig(**parts))
        # As they start, all weights are so small that nothing the model hears makes a difference.
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and not name.startswith("audio_encoder"):
                weight.data.normal_(std=0.4)
        # The codes are drawn from what the codec makes of noise, so that they tell sounds apart.
        with torch.no_grad():
            heard = model.audio_encoder.encoder(0.3 * torch.randn(1, 1, 64 * 32))[0].T
        for number, layer in enumerate(model.audio_encoder.quantizer.layers):
            layer.codebook.embed.copy_(heard if number == 0 else 0.3 * heard.std(dim=0) * torch.randn(32, 16))
    model.generation_config.decoder_start_token_id = 32
    model.generation_config.pad_token_id = 32
    model.generation_config.bos_token_id = 32
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, max_shard_size=shard)
    _tokenizer().save_pretrained(folder)
    return folder


def _tokenizer():
    """A T5 tokenizer of 64 pieces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz0123456789"]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
