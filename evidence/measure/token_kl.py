"""Do intervals hold the KL divergence of two laws of words? The laws are those of `token_js`."""

from evidence.measure.token_js import finding

from cuvee.testing.evidence import Finding


def run() -> Finding:
    return finding("token_kl")
