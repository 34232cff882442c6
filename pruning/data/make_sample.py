"""How the bundled sample was made: `PRUNING_DATA=… python -m pruning.data.make_sample` draws it from Fashion-MNIST."""

import numpy as np

from pruning.data import fashion_mnist
from pruning.data.fashion_sample import FILE
from pruning.data.split import stratified
from pruning.spec import DataSettings

TRAIN, TEST, SEED = 6000, 2000, 0


def main() -> None:
    source = fashion_mnist.load(DataSettings(name="fashion-mnist"))
    train = stratified(source.train_y, TRAIN, SEED)
    test = stratified(source.test_y, TEST, SEED)
    np.savez_compressed(
        FILE,
        train_x=source.train_x[train][:, 0],
        train_y=source.train_y[train].astype(np.uint8),
        test_x=source.test_x[test][:, 0],
        test_y=source.test_y[test].astype(np.uint8),
    )


if __name__ == "__main__":
    main()
