"""Builds the images that upgrades go between and gives them to the node. Runs before the tests, where a network is.

The tests themselves run in the cluster's network, which nothing leaves.
"""

import os

from directory_local.images.product import PRODUCTS, product_image
from directory_local.node.machine import NodeMachine
from directory_local.node.place import Place
from e2e.support.versions import EARLIER, EARLIER_TAG, NEXT_TAG


def main() -> None:
    machine = NodeMachine(Place.from_environment(os.environ), print)
    machine.load(product_image("api", tag=NEXT_TAG, progress=print).archive)
    for product in PRODUCTS:
        machine.load(product_image(product, tag=EARLIER_TAG, ref=EARLIER, progress=print).archive)


if __name__ == "__main__":
    main()
