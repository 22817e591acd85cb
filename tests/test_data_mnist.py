"""MNIST is read from a folder, and what is wrong there is said."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import FormatError, ParameterError

SHARED = Path(__file__).parents[2] / "shared" / "data" / "mnist"


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path):
    """Three images; the images packed, the labels not."""
    images, labels = np.arange(3 * 28 * 28).reshape(3, 28, 28) % 251, np.array([7, 0, 9])
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path


def test_images_and_labels_come_back_from_files_packed_or_not(folder):
    images, labels = sim.data.load_mnist(folder, "train")
    assert images.dtype == labels.dtype == np.uint8
    np.testing.assert_array_equal(images, np.arange(3 * 28 * 28).reshape(3, 28, 28) % 251)
    assert labels.tolist() == [7, 0, 9]


def test_a_missing_file_is_named(folder):
    with pytest.raises(ParameterError, match=r"must hold t10k-images-idx3-ubyte or t10k-images-idx3-ubyte\.gz"):
        sim.data.load_mnist(folder)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("train-labels-idx1-ubyte", idx(np.zeros((2, 2))), "no IDX file of bytes in 1 dimensions"),
        ("train-labels-idx1-ubyte", idx(np.zeros(3))[:6], "no IDX file"),
        ("train-labels-idx1-ubyte", idx(np.zeros(3))[:-1], "holds 2 bytes but its head announces 3"),
        ("train-labels-idx1-ubyte", idx(np.zeros(4)), "3 images but 4 labels"),
        ("train-images-idx3-ubyte.gz", b"no gzip file", "cannot be unpacked"),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx(np.zeros((3, 28, 28))), mtime=0)[:-9], "cannot be unpacked"),
    ],
)
def test_damaged_files_are_refused(folder, name, content, says):
    (folder / name).write_bytes(content)
    with pytest.raises(FormatError, match=says):
        sim.data.load_mnist(folder, "train")


def test_the_published_test_images_are_read():
    if not SHARED.exists():
        pytest.skip(f"no MNIST in {SHARED}")
    images, labels = sim.data.load_mnist(SHARED)
    assert images.shape == (10_000, 28, 28)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]  # as published
