"""The allow-list of types and functions that a skops file may hold beside those that skops itself trusts, by name.

skops imports what a file names, calls types with arguments of the file's choosing, makes objects without `__init__` and
fills them through `__setstate__` or `__dict__`; and estimators call what they hold, `FunctionTransformer` with any
arguments. So a name is listed only if all of this, with whatever else is listed, at most computes. Left out on purpose:

- scipy.stats' distributions (`rv_continuous_frozen`, …): their `__setstate__` runs source text that the file brings;
- `PyFuncDistance`, `sklearn.callback`, `sklearn.datasets`: call foreign code, open sockets, read files;
- NumPy's functions that read or write files or call what they are given (`load`, `fromfile`, `vectorize`, …);
- anything of no library: functions of one's own are code.

LightGBM's boosters are kept as the text of its own model files, which its native reader is given again.

Trees, k-d trees and the like hold numbers that native code follows: a hostile one can misdirect that, within the
model's own process, and no more.
"""

from collections.abc import Iterator

_NAMES = {
    "builtins": "object",
    "collections": "OrderedDict",
    "functools": "partial",
    "lightgbm.basic": "Booster",
    "lightgbm.sklearn": "LGBMClassifier LGBMRanker LGBMRegressor",
    "numpy": (
        "dtype generic number integer signedinteger unsignedinteger inexact floating complexfloating character "
        "flexible bool_ object_ str_ abs absolute around array asarray asanyarray atleast_1d atleast_2d "
        "ascontiguousarray clip column_stack concatenate copy cumsum diff fix flip hstack isclose isin max mean "
        "matrix median min nan_to_num nanmax nanmean nanmedian nanmin nanstd nansum nanvar prod ptp ravel real repeat "
        "reshape round round_ searchsorted sinc sort squeeze stack std sum take tile transpose unwrap var vstack "
        "where zeros_like ones_like"
    ),
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "scipy.interpolate._bsplines": "BSpline",
    "scipy.sparse._bsr": "bsr_array bsr_matrix",
    "scipy.sparse._coo": "coo_array coo_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "scipy.sparse._dia": "dia_array dia_matrix",
    "sklearn._loss._loss": (
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss "
        "CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss "
        "CyPinballLoss"
    ),
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": (
        "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss "
        "HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
    ),
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.compose._column_transformer": "make_column_selector _RemainderColsList",
    "sklearn.ensemble._gb_losses": (
        "BinomialDeviance ExponentialLoss HuberLossFunction LeastAbsoluteError LeastSquaresError "
        "MultinomialDeviance QuantileLossFunction"
    ),
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.feature_extraction.text": "strip_accents_ascii strip_accents_unicode strip_tags",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_oneway f_regression r_regression",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": (
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Hyperparameter Matern "
        "PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel"
    ),
    "sklearn.impute._iterative": "IterativeImputer _ImputerTriplet",
    "sklearn.linear_model._sgd_fast": (
        "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredEpsilonInsensitive SquaredHinge SquaredLoss"
    ),
    "sklearn.metrics._classification": (
        "accuracy_score balanced_accuracy_score brier_score_loss class_likelihood_ratios cohen_kappa_score "
        "d2_brier_score d2_log_loss_score f1_score fbeta_score hamming_loss hinge_loss jaccard_score log_loss "
        "matthews_corrcoef precision_score recall_score zero_one_loss"
    ),
    "sklearn.metrics._ranking": (
        "average_precision_score coverage_error dcg_score label_ranking_average_precision_score "
        "label_ranking_loss ndcg_score roc_auc_score top_k_accuracy_score"
    ),
    "sklearn.metrics._regression": (
        "d2_absolute_error_score d2_pinball_score d2_tweedie_score explained_variance_score max_error "
        "mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss "
        "mean_poisson_deviance mean_squared_error mean_squared_log_error mean_tweedie_deviance "
        "median_absolute_error r2_score root_mean_squared_error root_mean_squared_log_error"
    ),
    "sklearn.metrics._scorer": (
        "_CurveScorer _MultimetricScorer _PassthroughScorer _PredictScorer _ProbaScorer _Scorer _ThresholdScorer "
        "negative_likelihood_ratio positive_likelihood_ratio"
    ),
    "sklearn.metrics.cluster._supervised": (
        "adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score "
        "homogeneity_score mutual_info_score normalized_mutual_info_score rand_score v_measure_score"
    ),
    "sklearn.metrics.pairwise": (
        "additive_chi2_kernel chi2_kernel cosine_distances cosine_similarity euclidean_distances "
        "haversine_distances laplacian_kernel linear_kernel manhattan_distances nan_euclidean_distances "
        "paired_cosine_distances paired_euclidean_distances paired_manhattan_distances polynomial_kernel "
        "rbf_kernel sigmoid_kernel"
    ),
    "sklearn.model_selection._search_successive_halving": (
        "HalvingGridSearchCV HalvingRandomSearchCV _SubsampleMetaSplitter"
    ),
    "sklearn.model_selection._split": (
        "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut "
        "PredefinedSplit RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold "
        "StratifiedShuffleSplit TimeSeriesSplit _CVIterableWrapper"
    ),
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neighbors._ball_tree": "BallTree BallTree32 BallTree64",
    "sklearn.neighbors._kd_tree": "KDTree KDTree32 KDTree64",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.preprocessing._data": (
        "add_dummy_feature binarize maxabs_scale minmax_scale normalize power_transform quantile_transform "
        "robust_scale scale"
    ),
    "sklearn.preprocessing._function_transformer": "_identity",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils._metadata_requests": (
        "MetadataRequest MethodMapping MethodMetadataRequest MethodPair MetadataRouter RouterMappingPair"
    ),
    "sklearn.utils.validation": "check_array",
}
_METRICS = (
    "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard Kulsinski Mahalanobis Manhattan Matching "
    "Minkowski RogersTanimoto RussellRao SEuclidean SokalMichener SokalSneath WMinkowski"
)


def _listed() -> Iterator[str]:
    for module, names in _NAMES.items():
        yield from (f"{module}.{name}" for name in names.split())
    for metric in _METRICS.split():
        yield from (f"sklearn.metrics._dist_metrics.{metric}Distance{bits}" for bits in ("", "32", "64"))


TRUSTED = frozenset(_listed())
MADE_ONLY = frozenset({"lightgbm.basic.Booster"})  # as objects alone: called, it would read any file


def advice(refused: list[str]) -> str:
    """Advice for the maker of a file that holds types not on the list."""
    if any(name.startswith("scipy.stats.") for name in refused):
        return "a search over distributions of scipy.stats keeps them: save what it found, search.best_estimator_"
    if any(name.startswith("pandas.") for name in refused):
        return "pandas' objects can't be told apart from code: hand lists to the estimator, as in list(frame.columns)"
    own = [name for name in refused if not name.startswith(("sklearn.", "numpy.", "scipy."))]
    if own:
        return (
            f"{own[0]} is custom code: if it is a function, use one that NumPy has (np.log1p) or a step of "
            "scikit-learn's; else push a directory whose model.py holds it and loads the estimator beside it (runtime "
            "'python'), or convert the model to ONNX"
        )
    return (
        "of scikit-learn's, NumPy's and SciPy's types those are loaded that are known to do no more than compute: "
        "build the model without it, push a directory whose model.py loads it (runtime 'python'), or convert it to ONNX"
    )
