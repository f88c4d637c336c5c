"""Small matrices without a linear algebra library: the same numbers."""

import numpy as np
import pytest

from maskel_blender.silhouette.matrices import apply, determinant, inverse


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_are_numpys(seed):
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(4, 4)) * 10.0 ** random.integers(-3, 4, (4, 1))
    assert np.allclose(inverse(matrix), np.linalg.inv(matrix), rtol=1e-9)
    assert np.allclose(inverse(matrix) @ matrix, np.eye(4), atol=1e-9)
    assert determinant(matrix[:3, :3]) == pytest.approx(np.linalg.det(matrix[:3, :3]), rel=1e-9)
    points = random.normal(size=(50, 4))
    assert np.allclose(apply(matrix, points), points @ matrix.T)
    assert np.allclose(apply(matrix[2], points), points @ matrix[2])


def test_a_projection_with_a_zero_on_its_diagonal():
    matrix = np.array([[2.0, 0, 0, 0], [0, 3.0, 0, 0], [0, 0, -1.002, -0.2], [0, 0, -1.0, 0]])
    assert np.allclose(inverse(matrix), np.linalg.inv(matrix))


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.diag([1.0, 1.0, 0.0, 1.0])])
def test_what_has_no_inverse(bad):
    with pytest.raises(np.linalg.LinAlgError):
        inverse(bad)
