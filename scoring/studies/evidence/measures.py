"""Each metric for people: its unit and a sentence. Its anchors say whether more is better."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric's unit and meaning."""

    unit: str
    meaning: str


MEASURES: Mapping[str, Measure] = {
    "wer": Measure("share", "word errors against the prompt's words, as the recogniser heard them"),
    "cer": Measure("share", "the same in characters"),
    "tail_deletions": Measure("share", "words of the prompt missing from the end"),
    "trailing_insertions": Measure("share", "words heard after the prompt's last one"),
    "repeats": Measure("share", "words said again in sequence, beyond the prompt's own repeats"),
    "wer_weak": Measure("share", "word errors of a recogniser without a language model, which repairs nothing"),
    "mush": Measure("share", "words that only the strong recogniser repaired: weak errors minus strong ones"),
    "tail_unsaid": Measure("share", "part of the text's end that forced alignment does not find in the sound"),
    "sig": Measure("1 … 5", "predicted opinion on the speech signal (P.835)"),
    "bak": Measure("1 … 5", "predicted opinion on the background (P.835)"),
    "ovr": Measure("1 … 5", "predicted opinion on the whole (P.835)"),
    "p808": Measure("1 … 5", "predicted opinion on the whole (P.808)"),
    "utmos": Measure("1 … 5", "predicted opinion on synthetic speech"),
    "squim_mos": Measure("1 … 5", "predicted opinion beside an unrelated clean recording"),
    "pesq": Measure("1 … 4.5", "estimated PESQ without a reference"),
    "delivery": Measure("0 … 1", "nearness of the measured levels to the asked ones, over the asked attributes"),
    "leading_silence": Measure("s", "silence before the first sound"),
    "trailing_silence": Measure("s", "silence after the last sound"),
    "longest_pause": Measure("s", "the longest silence inside"),
    "padding": Measure("share", "all silence beyond ordinary pauses, of the clip's length"),
    "clipping": Measure("share", "samples in flat runs at the peak"),
    "rumble": Measure("share", "amplitude below 16 Hz, with the zero line's offset"),
    "bandwidth": Measure("share", "live part of the spectrum that the sampling rate promises (12 kHz at most)"),
    "snr": Measure("dB", "level of speech over steady noise"),
    "depth": Measure("dB", "from the level of speech down to the background between and within words"),
    "holes": Measure("share", "cells of the spectrum with nothing in them between full ones, as gating leaves them"),
    "decay": Measure("dB/s", "speed of the bands' fastest falls: slow in a reverberant room"),
    "speaker_similarity": Measure("cosine", "likeness of the two clips of a voice pair"),
    "emotion": Measure("0 … 1", "nearness of the heard arousal to the expression asked"),
    "phoneme_rate": Measure("1/s", "phonemes of the words said per second of them"),
    "f0_median": Measure("Hz", "median fundamental frequency of the words said, voiced frames counting by their power"),
    "f0_spread": Measure("Hz", "its standard deviation, as read from the 10th and the 90th percentile"),
    "f0_range": Measure("semitones", "from the 10th to the 90th percentile of fundamental frequency"),
    "flatness": Measure(
        "semitones",
        "the range (10th to 90th percentile of pitch) falls short of a reader's least, where no flat tone was asked for",
    ),
    "faintness": Measure("LU", "the clip lies below -33 LUFS by so much, where no soft voice was asked for"),
    "stray": Measure("s", "sound that belongs to no word of the prompt"),
    "borrowed": Measure("share", "of the frames with a period, those whose harmonics do not have it: a tone under the voice"),
    "energy_sd": Measure("dB", "standard deviation of the level of speech from frame to frame"),
    "pause_share": Measure("share", "of the time from first to last speech that is pauses"),
    "lufs": Measure("LUFS", "integrated loudness (BS.1770)"),
}
