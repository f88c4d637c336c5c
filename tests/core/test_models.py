"""The models do what the paper says and what its released code does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from maskel_core.models import (
    CONFIGURATIONS,
    LayerScaling,
    MaskedAutoencoder,
    PatchDiscriminator,
    PlainUNet,
    VectorQuantizer,
    VQMaskedAutoencoder,
)
from maskel_core.models.joint_head import read_heat
from maskel_core.models.layers import pixel_shuffle, pixel_unshuffle
from maskel_core.models.mask_features import distance_to, mask_features
from maskel_core.models.patch_encoder import PatchEncoder, map_to_tokens, tokens_to_map
from scipy.ndimage import distance_transform_edt

TINY = CONFIGURATIONS["tiny"]


def body_mask(batch: int = 2, size: int = 64) -> torch.Tensor:
    mask = torch.zeros(batch, 1, size, size)
    mask[:, :, size // 8 : -size // 8, size // 3 : -size // 3] = 1
    mask[1::2, :, size // 4 : size // 3, size // 8 : -size // 8] = 1
    return mask


def picture(batch: int = 2, size: int = 64) -> torch.Tensor:
    return torch.rand(batch, 2, size, size, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def generator() -> VQMaskedAutoencoder:
    torch.manual_seed(0)
    return TINY.make_generator()


@pytest.fixture
def autoencoder() -> MaskedAutoencoder:
    torch.manual_seed(0)
    return TINY.make_autoencoder()


@pytest.mark.parametrize("name", ["tiny", "tiny-unet"])
def test_generator_output(name):
    made = CONFIGURATIONS[name].make_generator().eval()(body_mask())
    assert made.xray.shape == (2, 2, 64, 64)
    assert made.xray.dtype == torch.float32
    assert (made.xray >= 0).all()
    assert made.joints.position.shape == (2, 27, 2)
    assert ((made.joints.position > 0) & (made.joints.position < 1)).all()
    assert ((made.joints.confidence >= 0) & (made.joints.confidence <= 1)).all()


def test_autoencoder_rebuilds_shape_and_hides_a_quarter(autoencoder):
    hidden = autoencoder.random_hidden(5, torch.Generator().manual_seed(1))
    assert hidden.shape == (5, 16)
    assert (hidden.sum(dim=1) == 4).all()
    assert len({tuple(row) for row in hidden.tolist()}) > 1
    assert autoencoder(picture(5), hidden).shape == (5, 2, 64, 64)


def test_hidden_patches_cannot_be_seen(autoencoder):
    hidden = torch.zeros(1, 16, dtype=torch.bool)
    hidden[0, 5] = True
    a = picture(1)
    b = a.clone()
    b[:, :, 16:32, 16:32] = 0
    with torch.no_grad():
        assert torch.equal(autoencoder(a, hidden), autoencoder(b, hidden))
        assert not torch.equal(autoencoder(a), autoencoder(b))


@pytest.mark.parametrize("stage", ["autoencoder", "generator"])
def test_every_block_takes_part(stage, request):
    model = request.getfixturevalue(stage).eval()
    inputs = picture() if stage == "autoencoder" else body_mask()

    def latent() -> torch.Tensor:
        with torch.no_grad():
            return model.encoder(inputs if stage == "autoencoder" else mask_features(inputs))[1]

    before = latent()
    for block in model.encoder.blocks:
        kept = {name: value.clone() for name, value in block.state_dict().items()}
        for parameter in block.parameters():
            torch.nn.init.zeros_(parameter)
        assert (latent() - before).abs().max() > 1e-4
        block.load_state_dict(kept)
    first, second = model.encoder.blocks[0], model.encoder.blocks[1]
    model.encoder.blocks[0], model.encoder.blocks[1] = second, first
    assert (latent() - before).abs().max() > 1e-4


def test_positions_matter_and_are_trained(autoencoder):
    assert autoencoder.encoder.position.requires_grad
    assert autoencoder.encoder.position.std() > 0.1
    rows = autoencoder.encoder.position[0]
    assert torch.cdist(rows, rows).fill_diagonal_(1).min() > 1e-3
    same = torch.full((1, 2, 64, 64), 0.5)
    with torch.no_grad():
        latent = autoencoder.encode(same).flatten(2)[0]
    assert (latent[:, 0] - latent[:, 15]).abs().max() > 1e-3


@pytest.mark.parametrize("row, column", [(0, 0), (1, 3), (2, 2), (3, 0)])
def test_a_patch_moves_its_own_latent_most(autoencoder, row, column):
    a = picture(1)
    b = a.clone()
    b[:, :, row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] *= -1
    with torch.no_grad():
        change = (autoencoder.encode(a) - autoencoder.encode(b)).norm(dim=1)[0]
    assert change.flatten().argmax().item() == row * 4 + column


def test_tokens_and_maps():
    tokens = torch.arange(2 * 9 * 5.0).view(2, 9, 5)
    latent = tokens_to_map(tokens, 3)
    assert torch.equal(latent[1, :, 2, 0], tokens[1, 6])
    assert torch.equal(map_to_tokens(latent), tokens)
    with pytest.raises(ValueError, match="fill"):
        tokens_to_map(tokens, 4)


def test_decoder_puts_patches_where_they_belong(autoencoder):
    latent = torch.zeros(1, 8, 4, 4)
    moved = latent.clone()
    moved[:, :, 3, 1] = 3
    for block in autoencoder.decoder_blocks:
        torch.nn.init.zeros_(block.project.weight)
        torch.nn.init.zeros_(block.project.bias)
    with torch.no_grad():
        change = (autoencoder.decode(latent) - autoencoder.decode(moved)).abs().sum(dim=1)[0]
    assert change[48:64, 16:32].sum() > 0
    change[48:64, 16:32] = 0
    assert change.max() < 1e-6


def test_nearest_code_and_straight_through():
    quantizer = VectorQuantizer(4, 2, decay=0.0)
    with torch.no_grad():
        quantizer.codebook.copy_(torch.tensor([[0.0, 0], [1, 0], [0, 1], [5, 5]]))
    latent = torch.tensor([[0.9, 0.1], [0.1, 0.8]]).t().reshape(1, 2, 1, 2).requires_grad_()
    quantizer.eval()
    out = quantizer(latent)
    assert out.indices.flatten().tolist() == [1, 2]
    assert torch.allclose(out.latent.flatten(2)[0].t(), torch.tensor([[1.0, 0], [0, 1.0]]))
    (out.latent * torch.tensor([3.0, 7.0]).view(1, 1, 1, 2)).sum().backward()
    assert torch.allclose(latent.grad.flatten(2)[0], torch.tensor([[3.0, 7.0], [3.0, 7.0]]))
    assert out.perplexity.item() == pytest.approx(2.0)


def test_beta_is_on_the_encoders_side():
    quantizer = VectorQuantizer(1, 1, beta=0.25, decay=0.0).eval()
    with torch.no_grad():
        quantizer.codebook.fill_(0.0)
    latent = torch.full((1, 1, 1, 1), 2.0, requires_grad=True)
    quantizer(latent).loss.backward()
    assert latent.grad.item() == pytest.approx(0.25 * 2 * 2)
    assert quantizer.codebook.grad.item() == pytest.approx(-2 * 2)


def test_moving_averages_reach_the_clusters_and_restart_dead_codes():
    torch.manual_seed(0)
    centres = torch.tensor([[4.0, 0], [-4, 0], [0, 4], [0, -4]])
    quantizer = VectorQuantizer(8, 2, decay=0.8).train()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        quantizer(torch.full((1, 2, 4, 4), 50.0), generator)
        quantizer.codebook += 100
        quantizer.sums += 100
    for _ in range(60):
        points = centres.repeat(16, 1) + 0.05 * torch.randn(64, 2)
        quantizer(points.t().reshape(1, 2, 8, 8), generator)
    assert quantizer.codebook.abs().max() < 5
    quantizer.eval()
    out = quantizer(centres.t().reshape(1, 2, 2, 2))
    assert out.perplexity > 2
    alive = quantizer.codebook[out.indices.unique()]
    assert torch.cdist(alive, centres).amin(dim=1).min() < 0.2
    assert quantizer.codebook.grad is None


def test_quantizer_does_not_learn_in_eval_mode():
    quantizer = VectorQuantizer(8, 2).eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(torch.randn(2, 2, 4, 4))
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


def test_distance_matches_scipy():
    random = torch.rand(3, 37, 52, generator=torch.Generator().manual_seed(0)) > 0.97
    found = distance_to(random)
    for i in range(3):
        wanted = torch.from_numpy(distance_transform_edt(~random[i].numpy())).float()
        assert torch.allclose(found[i], wanted, atol=1e-4)
    assert (distance_to(torch.zeros(1, 8, 8, dtype=torch.bool)) == 16).all()


def test_mask_features():
    features = mask_features(body_mask())
    assert features.shape == (2, 4, 64, 64)
    assert features.abs().max() <= 1
    assert features[0, 1, 32, 32] > 0 > features[0, 1, 2, 2]
    assert features[0, 2, 5, 0] == -1
    assert features[0, 3, 63, 7] == 1


def test_pixel_shuffle_round_trip():
    x = torch.rand(2, 3, 8, 12)
    folded = pixel_unshuffle(x, 4)
    assert folded.shape == (2, 48, 2, 3)
    assert torch.equal(folded[:, :3, 1, 2], x[:, :, 4, 8])
    assert torch.equal(pixel_shuffle(folded, 4), x)


def test_heat_reads_centre_and_spread():
    heat = torch.zeros(1, 3, 16, 16)
    heat[0, 0, 3, 10] = 1
    heat[0, 1, 3, [4, 6]] = 0.5
    heat[0, 2] = 1 / 256
    maps = read_heat(heat)
    assert torch.allclose(maps.position[0, 0], torch.tensor([10.5 / 16, 3.5 / 16]))
    assert torch.allclose(maps.position[0, 1], torch.tensor([5.5 / 16, 3.5 / 16]))
    assert maps.confidence[0, 0] == 1
    assert maps.confidence[0, 0] > maps.confidence[0, 1] > maps.confidence[0, 2]
    assert maps.confidence[0, 2] < 0.01


@pytest.mark.parametrize("gamma", [1.0, 0.5])
def test_scaling_round_trip(gamma):
    scaling = LayerScaling(4.0, 20.0, gamma)
    integrals = torch.rand(2, 2, 8, 8) * 10
    assert torch.allclose(scaling.restore(scaling.normalise(integrals)), integrals, rtol=1e-5)
    assert scaling.normalise(torch.tensor([4.0, 20.0]).view(1, 2, 1, 1)).flatten().tolist() == [1, 1]


def test_discriminator_is_local():
    torch.manual_seed(0)
    model = PatchDiscriminator(channels=3, base_channels=8, layers=2).eval()
    scores = model(torch.zeros(1, 3, 64, 64))
    assert scores.shape[0:2] == (1, 1)
    assert scores.shape[2] > 8


def parameter_count(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_named_sizes():
    shipped = CONFIGURATIONS["maskel-small-256"].make_generator()
    reference = CONFIGURATIONS["unet-256"].make_generator()
    assert parameter_count(shipped) * 2 < 32 * 2**20
    assert 0.9 < parameter_count(reference) / parameter_count(shipped) < 1.1


@pytest.mark.slow
def test_faithful_configuration_has_the_papers_sizes_and_gradients_everywhere():
    named = CONFIGURATIONS["maskel-256"]
    model = named.make_generator()
    config = model.config
    assert (config.dim, config.depth, config.heads, config.patch_size) == (512, 8, 8, 16)
    assert model.quantizer.codebook.shape == (1024, 256)
    assert not config.bypass
    assert not config.skips
    made = model.train()(body_mask(1, 256))
    assert made.latent.shape == (1, 256, 16, 16)
    (made.xray.mean() + made.quantized.loss + made.joints.position.square().mean()).backward()
    missing = [
        n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    assert missing == []


def test_checkpoint_round_trip_is_strict_and_safetensors(tmp_path, generator, autoencoder):
    discriminator = TINY.make_discriminator()
    unet = CONFIGURATIONS["tiny-unet"].make_generator()
    for model, kind in (
        (generator, VQMaskedAutoencoder),
        (autoencoder, MaskedAutoencoder),
        (discriminator, PatchDiscriminator),
        (unet, PlainUNet),
    ):
        folder = tmp_path / kind.__name__
        model.save_pretrained(folder)
        assert {p.suffix for p in folder.iterdir()} == {".json", ".safetensors"}
        again = kind.from_pretrained(folder)
        for name, value in model.state_dict().items():
            assert torch.equal(value, again.state_dict()[name]), name
        again.load_state_dict(model.state_dict(), strict=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_checkpoint_round_trip_through_a_gpu(tmp_path, generator):
    device = torch.device("cuda")
    generator.eval().to(device)
    mask = body_mask().to(device)
    with torch.no_grad():
        wanted = generator(mask).xray.cpu()
    generator.save_pretrained(tmp_path)
    again = VQMaskedAutoencoder.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        found = again(mask.cpu()).xray
    assert np.allclose(wanted.numpy(), found.numpy(), atol=1e-3)


def test_bfloat16_sees_the_same_patches_as_float32() -> None:
    """oneDNN's bfloat16 convolution with 4 input channels and a 16 x 16 kernel is wrong on CPUs with AMX."""
    torch.manual_seed(0)
    encoder = PatchEncoder(4, 64, 16, 256, 1, 4, 2.0, 8)
    image = torch.randn(2, 4, 64, 64)
    with torch.no_grad():
        exact = encoder.tokens(image, depth=0)[0]
        by_convolution = encoder.embed(image).flatten(2).transpose(1, 2) + encoder.position
        with torch.autocast("cpu", torch.bfloat16):
            rough = encoder.tokens(image, depth=0)[0].float()
    assert torch.allclose(exact, by_convolution, atol=1e-5)
    assert (rough - exact).std() / exact.std() < 0.02
