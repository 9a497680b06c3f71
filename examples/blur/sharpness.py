"""Print how sharp images are: the mean difference between neighbouring pixels, 0 for an even surface."""

import sys

from PIL import Image, ImageChops, ImageStat

for name in sys.argv[1:]:
    with Image.open(name) as picture:
        grey = picture.convert("L")
    moved = ImageChops.offset(grey, 1, 0)
    print(name, grey.size, round(ImageStat.Stat(ImageChops.difference(grey, moved)).mean[0], 1))
