"""Names and shapes of a small network in Piper's training code: one layer of each kind, and three speakers."""

HIDDEN, SPEAKERS, EMBEDDING, SYMBOLS, WIDTH = 8, 3, 4, 4, 32
Shapes = dict[str, tuple[int, ...]]


def shapes() -> Shapes:
    """All of them."""
    sound = {**_decoder(), **_flow()}
    return {"emb_g.weight": (SPEAKERS, EMBEDDING), **_text(), **_durations(), **sound}


def _layer(name: str, *shape: int, bias: int | None = None) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": (bias or shape[0],)}


def _normed(name: str, *shape: int, bias: int | None = None) -> Shapes:
    """A layer whose weight is kept as length and direction."""
    apart = {f"{name}.weight_v": shape, f"{name}.weight_g": (shape[0], 1, 1)}
    return {**apart, f"{name}.bias": (bias or shape[0],)}


def _norm(name: str) -> Shapes:
    return {f"{name}.gamma": (HIDDEN,), f"{name}.beta": (HIDDEN,)}


def _text() -> Shapes:
    layer, found = "enc_p.encoder.attn_layers.0", _layer("enc_p.proj", 2 * HIDDEN, HIDDEN, 1)
    for part in ("q", "k", "v", "o"):
        found |= _layer(f"{layer}.conv_{part}", HIDDEN, HIDDEN, 1)
    found |= {f"{layer}.emb_rel_{part}": (1, 9, HIDDEN // 2) for part in ("k", "v")}
    found |= _layer("enc_p.encoder.ffn_layers.0.conv_1", 16, HIDDEN, 3) | _layer(
        "enc_p.encoder.ffn_layers.0.conv_2", HIDDEN, 16, 3
    )
    norms = _norm("enc_p.encoder.norm_layers_1.0") | _norm("enc_p.encoder.norm_layers_2.0")
    return {"enc_p.emb.weight": (SYMBOLS, HIDDEN), **found, **norms}


def _durations() -> Shapes:
    found = _layer("dp.pre", HIDDEN, HIDDEN, 1) | _layer("dp.proj", HIDDEN, HIDDEN, 1) | _layer("dp.cond", HIDDEN, EMBEDDING, 1)
    found |= _spread("dp.convs") | {"dp.flows.0.m": (2, 1), "dp.flows.0.logs": (2, 1), "dp.post_pre.bias": (HIDDEN,)}
    for flow in ("dp.flows.1", "dp.flows.3"):
        found |= _layer(f"{flow}.pre", HIDDEN, 1, 1) | _spread(f"{flow}.convs") | _layer(f"{flow}.proj", 29, HIDDEN, 1)
    return found


def _spread(name: str) -> Shapes:
    found: Shapes = {}
    for step in range(3):
        found |= _layer(f"{name}.convs_sep.{step}", HIDDEN, 1, 3) | _layer(f"{name}.convs_1x1.{step}", HIDDEN, HIDDEN, 1)
        found |= _norm(f"{name}.norms_1.{step}") | _norm(f"{name}.norms_2.{step}")
    return found


def _flow() -> Shapes:
    found = _layer("flow.flows.0.pre", HIDDEN, HIDDEN // 2, 1) | _layer("flow.flows.0.post", HIDDEN // 2, HIDDEN, 1)
    found |= _normed("flow.flows.0.enc.in_layers.0", 2 * HIDDEN, HIDDEN, 5)
    found |= _normed("flow.flows.0.enc.res_skip_layers.0", HIDDEN, HIDDEN, 1)
    return found | _normed("flow.flows.0.enc.cond_layer", 2 * HIDDEN, EMBEDDING, 1)


def _decoder() -> Shapes:
    found = _layer("dec.conv_pre", WIDTH, HIDDEN, 7) | _layer("dec.cond", WIDTH, EMBEDDING, 1)
    for step, kernel in enumerate((16, 16, 8)):
        width = WIDTH >> (step + 1)
        found |= _normed(f"dec.ups.{step}", 2 * width, width, kernel, bias=width)
        for block, size in enumerate((3, 5, 7)):
            for each in (0, 1):
                found |= _normed(f"dec.resblocks.{3 * step + block}.convs.{each}", width, width, size)
    return found | {"dec.conv_post.weight": (1, WIDTH >> 3, 7)}
