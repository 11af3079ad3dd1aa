"""The memory that training AlexNet takes, by batch size, beside that of a GTX 580."""

from tema9.arithmetic import MIB, layer_table, spanish
from tema9.figures import INK
from tema9.svg import Picture
from tema9.widgets.explorer import WIDTH, Explorer, require_integer, slider


def memory(batch_size: int = 128) -> Explorer:
    """Show the memory that training AlexNet takes, on one device or over two, beside the 3 GiB of a GTX 580.

    Args:
        batch_size: the first value of the images in a batch.

    Raises:
        ValueError: the batch size is outside of its control.

    Source: `arithmetic.LayerTable.memory`, with the gradients of the activations as much again; Krizhevsky, Sutskever
        and Hinton (2012), section 3.2, for the 3 GB.
    """
    require_integer("batch_size", batch_size, 1, 512)
    return Explorer({"batch_size": slider("minilote (imágenes)", batch_size, 1, 512)}, _memory)


def _memory(batch_size):
    kept = layer_table("alexnet_paper").memory(batch_size)
    fixed, images, grows = kept.parameters + kept.gradients + kept.momentum, kept.input, 2 * kept.activations
    bars = {"en una GPU": fixed + images + grows, "en cada una de dos": fixed / 2 + images + grows / 2}
    limit = 3 * 1024
    one, two = (value / MIB for value in bars.values())
    alt = f"Minilote de {batch_size}: {spanish(one)} MiB en una GPU, {spanish(two)} en cada una de dos; caben {limit}."
    picture = Picture(WIDTH, 190, alt)
    scale = 500 / max(one, 1.15 * limit)
    for place, (words, value) in enumerate(bars.items()):
        y, size = 44 + 56 * place, value / MIB
        picture.text(146, y + 23, words, 14, "end")
        picture.rect(154, y, scale * size, 34, "leftover" if size > limit else "fully_connected")
        picture.text(160 + scale * size, y + 23, f"{spanish(size)} MiB", 14)
    picture.line([(154 + scale * limit, 24), (154 + scale * limit, 150)], INK, 2, "6 4")
    picture.text(154 + scale * limit, 18, "3 GiB de una GTX 580", 13, "middle")
    picture.line([(154, 36), (154, 150)])
    picture.key(154, 178, [("fully_connected", "cabe, por la cuenta"), ("leftover", "no cabe")])
    return picture, (
        f"{spanish(fixed / MIB)} MiB no dependen del minilote; las imágenes son {spanish(images / MIB)} y las "
        f"activaciones con sus gradientes, {spanish(grows / MIB)}. "
        + ("No cabe en una." if one > limit else "Cabe en una.")
    )
