"""Pictures from layers: as the server makes them, and what the add-on adds to that."""

import numpy as np
import pytest

from maskel_blender.client.answer import Layer
from maskel_blender.client.png import encode_png
from maskel_blender.client.request import STYLES
from maskel_blender.errors import ClientError
from maskel_blender.style.curves import CURVES, tone
from maskel_blender.style.layers import Layers, decode, encode, from_answer
from maskel_blender.style.paint import paint


def random_layers(seed, shape=(300, 90)):
    """Layers as the server sends them: cut to a mask with soft edges, up to the skull's rim and the trunk's depth."""
    draw = np.random.default_rng(seed)
    mask = draw.choice(np.array([0, 1, 90, 255], np.uint8), shape)
    mask[:, :7] = mask[:, 80:] = 0
    cover = mask / 255
    bone, soft = (draw.uniform(0, most, shape) * cover for most in (4.0, 9.0))
    scales = bone.max() / 65535, soft.max() / 65535
    return Layers(
        *(
            (layer / scale).round().astype(np.uint16)
            for layer, scale in zip((bone, soft), scales, strict=True)
        ),
        mask,
        *scales,
    )


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", [1, 2])
def test_curves_are_the_servers(style, seed):
    styles = pytest.importorskip("maskel_core.pipeline.styles")
    assert tuple(CURVES) == styles.STYLES == STYLES
    layers = random_layers(seed)
    bone, soft = (
        (layer * scale).astype(np.float32)
        for layer, scale in ((layers.bone, layers.bone_scale), (layers.soft, layers.soft_scale))
    )
    theirs = styles.render_style(style, bone, soft, layers.mask)
    ours = tone(style, bone, soft, layers.mask)
    assert np.abs(theirs.astype(int) - ours).max() <= 1
    assert len(np.unique(theirs)) > 50


@pytest.mark.parametrize("style", STYLES)
def test_white_is_the_styles_own_grey(style):
    layers = random_layers(3)
    bone, soft = layers.bone * layers.bone_scale, layers.soft * layers.soft_scale
    picture = paint(layers, style)
    inside = layers.mask == 255
    grey = tone(style, bone.astype(np.float32), soft.astype(np.float32), layers.mask)
    assert (np.abs(picture[inside][:, :3].astype(int) - grey[inside][:, None]) <= 1).all()
    np.testing.assert_array_equal(picture[..., 3], layers.mask)
    assert not picture[layers.mask == 0].any()
    # straight alpha: an edge is not darkened twice
    edge = layers.mask == 90
    assert picture[edge][:, 0].mean() > 1.5 * grey[edge].mean()


@pytest.mark.parametrize("style", STYLES)
def test_layers_one_by_one(style):
    layers = random_layers(4)
    no_bone = Layers(
        np.zeros_like(layers.bone), layers.soft, layers.mask, layers.bone_scale, layers.soft_scale
    )
    no_soft = Layers(
        layers.bone, np.zeros_like(layers.soft), layers.mask, layers.bone_scale, layers.soft_scale
    )
    np.testing.assert_array_equal(paint(layers, style, "SOFT"), paint(no_bone, style))
    np.testing.assert_array_equal(paint(layers, style, "BONE"), paint(no_soft, style))


def test_colours():
    layers = random_layers(5)
    inside = layers.mask == 255
    plain, blue = paint(layers, "dxa")[inside], paint(layers, "dxa", soft_colour=(0.0, 0.0, 1.0))[inside]
    np.testing.assert_array_equal(plain[:, 2], blue[:, 2])
    assert (blue[:, 0].astype(int) <= plain[:, 0]).all()
    red = paint(layers, "dxa", "BONE", bone_colour=(1.0, 0.0, 0.0))[inside]
    assert red[:, 0].max() > 200
    # what is left is the darkest grey of soft tissue that is not there
    assert red[:, 1].max() <= 8
    # ink of the inverted style: white stays black, red is red
    dark = paint(layers, "inverted")[inside].astype(int)
    ink = paint(layers, "inverted", bone_colour=(1.0, 0.0, 0.0))[inside].astype(int)
    assert (ink[:, 0] > dark[:, 0] + 5).mean() > 0.8
    np.testing.assert_array_equal(ink[:, 1], dark[:, 1])


def test_file_of_layers():
    layers = random_layers(6)
    back = decode(encode(layers))
    for name in ("bone", "soft", "mask"):
        np.testing.assert_array_equal(getattr(back, name), getattr(layers, name))
    assert (back.bone_scale, back.soft_scale) == (layers.bone_scale, layers.soft_scale)
    for broken in (encode(layers)[:-40], encode_png(np.zeros((2, 2, 3), np.uint16))):
        with pytest.raises(ClientError) as caught:
            decode(broken)
        assert caught.value.code == "bad_picture"


def test_layers_of_an_answer():
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4)
    layer = Layer(encode_png(pixels), 0.5)
    mask = np.full((6, 8), 255, np.uint8)
    made = from_answer({"bone": layer, "soft": layer}, mask)
    assert made.mask.shape == (3, 4)
    np.testing.assert_allclose(made.integrals(slice(0, 3))[0], pixels * 0.5)
    assert from_answer({"bone": layer}, mask) is None
    other = Layer(encode_png(pixels[:2]), 0.5)
    with pytest.raises(ClientError):
        from_answer({"bone": layer, "soft": other}, mask)


def test_nobody():
    layers = random_layers(7)
    empty = Layers(layers.bone, layers.soft, np.zeros_like(layers.mask), 1.0, 1.0)
    assert not paint(empty, "dxa").any()
