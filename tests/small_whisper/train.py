"""Train the small Whisper: ``python -m small_whisper.train`` in `tests`, about seven minutes of one core.

The network is openai-whisper's own class. Five things make so little training enough, and none of
them changes what the network is. Only the tokens that occur are trained, and all others share one
row. The rows of the 1501 timestamps are one linear map of a sinusoid. The encoder's heads begin by
looking a little before and after, and it is also asked, by a layer that is thrown away, which word
each frame belongs to. And attention to the sound is drawn, as in guided attention (Tachibana et al.
2018), to where words are spoken, all of the time they take: in the last decoder layer to where the
next token is, in half of the first one's heads to where the one just said is, from where the next is
not far. Networks otherwise learn this from very much more speech.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import whisper
from torch import nn
from whisper.model import ModelDimensions, MultiHeadAttention, Whisper, sinusoids
from whisper.tokenizer import get_tokenizer

from .speech import WORDS
from .windows import Window, bank, window

WIDTH, HEADS, LAYERS, POSITIONS = 96, 4, 2, 96
NEAR = (-10, -3, 3, 10)
VOCABULARY, TIMES = 51_865, 1501
WEIGHTS = Path(__file__).with_name("weights.npz")


def kept_tokens() -> list[int]:
    """The tokens that occur, but for timestamps."""
    kept: set[int] = set()
    for language, words in WORDS.items():
        tokenizer = get_tokenizer(True, language=language, task="transcribe")
        kept |= {*tokenizer.sot_sequence, tokenizer.no_timestamps, tokenizer.no_speech, tokenizer.eot}
        kept |= {token for word in words for token in tokenizer.encode(" " + word)}
    return sorted(kept)


class Trained(nn.Module):
    """Whisper's encoder and decoder over the tokens that occur, the timestamps, and one for the rest."""

    def __init__(self, context: int) -> None:
        super().__init__()
        self.kept = kept_tokens()
        dims = ModelDimensions(80, context, WIDTH, HEADS, LAYERS, 8, POSITIONS, WIDTH, HEADS, LAYERS)
        self.network = Whisper(dims)
        nn.init.normal_(self.network.decoder.positional_embedding, std=0.02)
        for block in self.network.encoder.blocks:
            _look_near(block.attn)
        self.rows = nn.Parameter(0.1 * torch.randn(len(self.kept) + 1, WIDTH))
        self.times = nn.Linear(WIDTH, WIDTH)
        self.spoken = nn.Linear(WIDTH, len(self.kept) + 1)
        self.register_buffer("waves", sinusoids(TIMES, WIDTH, max_timescale=1500))
        index = torch.full((VOCABULARY,), len(self.kept) + TIMES)
        index[self.kept] = torch.arange(len(self.kept))
        first = get_tokenizer(True).timestamp_begin
        index[first : first + TIMES] = len(self.kept) + torch.arange(TIMES)
        self.register_buffer("index", index)
        self.looking: list[torch.Tensor] = []
        for block in self.network.decoder.blocks:
            for part in (block.cross_attn.query, block.cross_attn.key):
                part.register_forward_hook(lambda _m, _i, out: self.looking.append(out))

    def embedding(self) -> torch.Tensor:
        """Rows of the kept tokens, of the timestamps, and of all others."""
        return torch.cat([self.rows[:-1], self.times(self.waves), self.rows[-1:]])

    def forward(self, mel: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Logarithms of the probability of the next token ``(batch, tokens, rows)``, of where each
        head of each decoder layer looks ``(layers, batch, heads, tokens, frames)``, and of the word
        of each frame ``(batch, frames, words)``."""
        heard, decoder, rows = self.network.encoder(mel), self.network.decoder, self.embedding()
        self.looking.clear()
        x = rows[tokens] + decoder.positional_embedding[: tokens.shape[1]]
        for block in decoder.blocks:
            x = block(x, heard, mask=decoder.mask)
        logits = decoder.ln(x) @ rows.T
        others = VOCABULARY - len(rows) + 1
        logits = torch.cat([logits[..., :-1], logits[..., -1:] + math.log(others)], -1)
        looks = torch.stack([_scores(*self.looking[at : at + 2]) for at in range(0, 2 * LAYERS, 2)])
        return logits.log_softmax(-1), looks.log_softmax(-1), self.spoken(heard).log_softmax(-1)


def _scores(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Attention before its softmax, ``(batch, heads, tokens, frames)``; Whisper's own has no gradient."""
    query, key = (each.unflatten(-1, (HEADS, -1)).transpose(1, 2) for each in (query, key))
    return query @ key.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5


def _look_near(attention: MultiHeadAttention) -> None:
    """Let each head of the encoder begin by looking a little before or after, at `NEAR` frames.

    Queries and keys read the same waves of the positions, the queries' turned on by the distance.
    """
    size = WIDTH // HEADS // 2
    rate = 10_000 ** (-torch.arange(4, 4 + size) / (WIDTH // 2 - 1))
    sine, cosine = torch.eye(WIDTH)[4 : 4 + size], torch.eye(WIDTH)[WIDTH // 2 + 4 : WIDTH // 2 + 4 + size]
    queries, keys = [], []
    for frames in NEAR:
        turn_cosine, turn_sine = torch.cos(rate * frames)[:, None], torch.sin(rate * frames)[:, None]
        queries += [turn_cosine * sine + turn_sine * cosine, turn_cosine * cosine - turn_sine * sine]
        keys += [sine, cosine]
    with torch.no_grad():
        for linear, waves in ((attention.query, queries), (attention.key, keys)):
            linear.weight.mul_(0.3).add_(1.4 * torch.cat(waves))


def loss(model: Trained, windows: list[Window], context: int) -> tuple[torch.Tensor, float, float]:
    """Cross-entropy of the next token (blurred over time for timestamps), of the word of each frame,
    and of the attention; the share of words that were right, and of the attention that was."""
    longest = max(len(each.tokens) for each in windows)
    end = get_tokenizer(True).eot
    tokens = torch.tensor([each.tokens + [end] * (longest - len(each.tokens)) for each in windows])
    mels = torch.stack([whisper.log_mel_spectrogram(each.samples) for each in windows])[..., : 2 * context]
    rows = model.index[tokens]
    logs, looks, spoken = model(mels, rows[:, :-1])
    wanted, count = rows[:, 1:], len(model.kept)
    spread = torch.arange(-4, 5)
    near = (wanted[..., None] + spread).clamp(count, count + TIMES - 1)
    blur = torch.exp(-0.5 * (spread / 1.5) ** 2)
    exact = logs.gather(-1, wanted[..., None])[..., 0]
    blurred = 0.3 * (logs.gather(-1, near) * blur / blur.sum()).sum(-1)
    is_time = (wanted >= count) & (wanted < count + TIMES)
    said = torch.tensor([[at < len(each.tokens) - 1 for at in range(longest - 1)] for each in windows])
    nll = -(torch.where(is_time, blurred, exact) * said).sum() / said.sum()
    where, labels = _where(windows, longest - 1, context)
    words = torch.where(labels < 0, count, wanted.gather(1, labels.clamp(min=0)))
    nll = nll - spoken.gather(-1, words[..., None]).mean()
    if not where.any():
        return nll, 0.0, 0.0
    target = where / where.sum(-1, keepdim=True).clamp(min=1)
    rows_drawn = where.any(-1)
    next_, now = looks[-1].mean(1), looks[0, :, : HEADS // 2, 1:].mean(1)
    drawn = -(next_ * target).sum(-1)[rows_drawn].mean()
    drawn = drawn - (now * target[:, :-1]).sum(-1)[rows_drawn[:, :-1]].mean()
    right = (logs.argmax(-1) == wanted)[rows_drawn & ~is_time].float().mean()
    inside = (looks[-1].exp().mean(1) * where).sum(-1)[rows_drawn].mean()
    return nll + 0.3 * drawn, float(right), float(inside.detach())


def _where(windows: list[Window], rows: int, context: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The frames each token that follows is spoken in, ``(batch, rows, frames)``, and for each frame
    the row of the first token of its word, −1: none, ``(batch, frames)``."""
    middles = (np.arange(context) + 0.5) * 0.02
    where = np.zeros((len(windows), rows, context), bool)
    labels = np.full((len(windows), context), -1)
    for number, each in enumerate(windows):
        for at, (start_s, end_s) in each.spans_s.items():
            inside = (middles >= start_s) & (middles < max(end_s, start_s + 0.02))
            where[number, at] = inside
            if at in each.firsts:
                labels[number, inside] = at
    return torch.from_numpy(where), torch.from_numpy(labels)


def train(
    stages: tuple[tuple[float, int, int, int, float], ...], seed: int = 0
) -> list[dict[str, torch.Tensor]]:
    """Each stage: seconds of a window, most phrases in it, steps, batch, and the highest learning rate.

    Returns:
        The `numbers` at the end of each.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    tokenizers = {name: get_tokenizer(True, language=name, task="transcribe") for name in WORDS}
    phrases = bank(3000, rng)
    model: Trained | None = None
    ends: list[dict[str, torch.Tensor]] = []
    for seconds, most, steps, batch, rate in stages:
        context = round(seconds * 50)
        before, model = model, Trained(context)
        if before:
            same = before.state_dict()
            same["network.encoder.positional_embedding"] = sinusoids(context, WIDTH)
            model.load_state_dict(same)
        optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
        for step in range(steps):
            some = [window(phrases, seconds, tokenizers, rng, most) for _ in range(batch)]
            value, right, inside = loss(model, some, context)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            if step % 50 == 0:
                spent_s = time.process_time()
                print(f"{seconds:.0f} s  {step:5d}  loss {value.item():.3f}  words right {right:.2f}  "
                      f"attention right {inside:.2f}  CPU {spent_s:.0f} s", flush=True)  # fmt: skip
        ends.append(numbers(model))
    return ends


def numbers(model: Trained) -> dict[str, torch.Tensor]:
    """What is trained, under the names of Whisper's state dict."""
    state: dict[str, Any] = dict(model.network.state_dict())
    state["encoder.positional_embedding"] = sinusoids(1500, WIDTH)
    del state["decoder.token_embedding.weight"]
    state["rows"], state["kept"] = model.embedding(), torch.tensor(model.kept)
    return {name: value.detach().clone() for name, value in state.items()}


def save(ends: list[dict[str, torch.Tensor]]) -> None:
    """The mean of the numbers, as float16: it says words as rightly as what has heard short windows, and
    knows their times as well as what has heard long ones (Wortsman et al., "Model soups", 2022)."""
    mean = {name: torch.stack([end[name].float() for end in ends]).mean(0) for name in ends[0]}
    arrays = {name: value.half().numpy() for name, value in mean.items() if name != "kept"}
    np.savez_compressed(WEIGHTS, **arrays, kept=ends[0]["kept"].numpy())


if __name__ == "__main__":
    torch.set_num_threads(1)
    save(train(((5.0, 2, 700, 16, 3e-3), (30.0, 2, 120, 4, 1e-3))))
