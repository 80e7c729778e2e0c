"""Text in which words are as frequent as they are in people's mail: a few are everywhere, most are rare (Zipf's law).

All words are invented from syllables, but for the hundred most frequent ones. Seeded: the same seed, the same text.
"""

from __future__ import annotations

import random
from itertools import accumulate

COMMON = """
    the of to and a in is that for it was on as with be by at have are this not but had from or one we can an your all
    when there which their if has will each about up out them then she many some so these would other into her more him
    two like time no just him know take people year good see now look only come over think also back after use how our
    work first well way even new want because any give day most us meeting report please thanks project invoice order
    team draft question answer plan budget review contract delivery schedule update call friday monday morning regards
""".split()  # noqa: SIM905  (a hundred words are read more easily so)
ONSETS = ("b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "k", "l", "m", "n", "p", "pl", "qu", "r", "s",
          "sch", "st", "t", "tr", "v", "w", "z")  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ou", "ö", "ü")
CODAS = ("", "", "n", "r", "l", "m", "s", "t", "nd", "rt", "ck", "ng")


class Words:
    """A vocabulary and the sentences made of it."""

    def __init__(self, chance: random.Random, vocabulary: int = 40_000, sentences: int = 30_000) -> None:
        self.chance = chance
        found = dict.fromkeys(COMMON)
        while len(found) < vocabulary:
            found[self._word()] = None
        self.vocabulary = list(found)
        weights = list(accumulate(1 / (rank + 2.7) for rank in range(vocabulary)))
        drawn = iter(chance.choices(self.vocabulary, cum_weights=weights, k=sentences * 12))
        self.sentences = []
        for _ in range(sentences):
            words = [next(drawn) for _ in range(chance.randint(6, 12))]
            self.sentences.append(f"{words[0].capitalize()} {' '.join(words[1:])}.")
        self.subjects = [s[:-1] for s in self.sentences if len(s) < 60][: sentences // 3]

    def _word(self) -> str:
        count = self.chance.choices((1, 2, 3, 4), (1, 6, 5, 2))[0]
        draw = self.chance.choice
        return "".join(draw(ONSETS) + draw(VOWELS) for _ in range(count)) + draw(CODAS)

    def subject(self) -> str:
        return self.chance.choice(self.subjects)

    def paragraph(self, sentences: int) -> str:
        return " ".join(self.chance.choices(self.sentences, k=sentences))

    def rare(self) -> str:
        """Any word of the vocabulary, most of which are rare."""
        return self.vocabulary[int(self.chance.random() * len(self.vocabulary))]
