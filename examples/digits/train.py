import tempfile

import joblib
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from cog import Input, Path


def train(
    held_out: float = Input(description="Share of the digits kept for the test", default=0.25, ge=0.1, le=0.9),
    gamma: float = Input(description="Reach of one training digit: small is far", default=0.5, ge=0.0001, le=10),
    seed: int = Input(description="Which digits are held out", default=1),
) -> Path:
    """Learn the 1797 handwritten digits that scikit-learn brings along."""
    digits = load_digits()
    learn_x, test_x, learn_y, test_y = train_test_split(
        digits.data, digits.target, test_size=held_out, random_state=seed, stratify=digits.target
    )
    model = make_pipeline(MinMaxScaler((0, 1), clip=True), SVC(gamma=gamma, C=10, random_state=seed))
    model.fit(learn_x, learn_y)
    print(f"learnt {len(learn_x)} digits, read {accuracy_score(test_y, model.predict(test_x)):.1%} of {len(test_x)} others")
    output = Path(tempfile.mkdtemp()) / "digits.joblib"
    joblib.dump(model, output)
    return output
