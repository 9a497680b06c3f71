import tempfile

from PIL import Image, ImageFilter

from cog import BasePredictor, Input, Path


class Predictor(BasePredictor):
    def predict(
        self,
        image: Path = Input(description="The image to blur"),
        radius: float = Input(description="How far the blur reaches, in pixels", default=5, ge=0, le=100),
    ) -> Path:
        """A Gaussian blur."""
        with Image.open(image) as picture:
            blurred = picture.convert("RGB").filter(ImageFilter.GaussianBlur(radius))
        # Below the temporary directory, so Cog deletes it once it has been sent.
        output = Path(tempfile.mkdtemp()) / "blurred.png"
        blurred.save(output)
        return output
