"""The messages of TensorFlow Serving over gRPC.

Source: https://github.com/tensorflow/serving/tree/master/tensorflow_serving/apis. Of a server's configuration, and of
calls that are refused, only what is read is declared.
"""

from bms.protocols.protobuf import tensorflow

NAME = "tensorflow_serving.proto"
PACKAGE = "tensorflow.serving"
IMPORTS = (tensorflow.NAME, tensorflow.ERROR_NAME, "google/protobuf/any.proto", "google/protobuf/wrappers.proto")
PREDICTION = "tensorflow.serving.PredictionService"
MODEL = "tensorflow.serving.ModelService"
SESSION = "tensorflow.serving.SessionService"

TEXT = """
service PredictionService {
  rpc Classify(ClassificationRequest) returns (ClassificationResponse);
  rpc Regress(RegressionRequest) returns (RegressionResponse);
  rpc Predict(PredictRequest) returns (PredictResponse);
  rpc MultiInference(MultiInferenceRequest) returns (MultiInferenceResponse);
  rpc GetModelMetadata(GetModelMetadataRequest) returns (GetModelMetadataResponse);
}
service ModelService {
  rpc GetModelStatus(GetModelStatusRequest) returns (GetModelStatusResponse);
  rpc HandleReloadConfigRequest(ReloadConfigRequest) returns (ReloadConfigResponse);
}
service SessionService {
  rpc SessionRun(SessionRunRequest) returns (SessionRunResponse);
}
message ModelSpec {
  string name = 1;
  oneof version_choice { google.protobuf.Int64Value version = 2; string version_label = 4; }
  string signature_name = 3;
}
message PredictRequest {
  ModelSpec model_spec = 1;
  map<string, tensorflow.TensorProto> inputs = 2;
  repeated string output_filter = 3;
}
message PredictResponse {
  map<string, tensorflow.TensorProto> outputs = 1;
  ModelSpec model_spec = 2;
}
message ExampleList { repeated tensorflow.Example examples = 1; }
message ExampleListWithContext { repeated tensorflow.Example examples = 1; tensorflow.Example context = 2; }
message Input {
  oneof kind { ExampleList example_list = 1; ExampleListWithContext example_list_with_context = 2; }
}
message Class { string label = 1; float score = 2; }
message Classifications { repeated Class classes = 1; }
message ClassificationResult { repeated Classifications classifications = 1; }
message ClassificationRequest { ModelSpec model_spec = 1; Input input = 2; }
message ClassificationResponse { ClassificationResult result = 1; ModelSpec model_spec = 2; }
message Regression { float value = 1; }
message RegressionResult { repeated Regression regressions = 1; }
message RegressionRequest { ModelSpec model_spec = 1; Input input = 2; }
message RegressionResponse { RegressionResult result = 1; ModelSpec model_spec = 2; }
message InferenceTask { ModelSpec model_spec = 1; string method_name = 2; }
message InferenceResult {
  ModelSpec model_spec = 1;
  oneof result { ClassificationResult classification_result = 2; RegressionResult regression_result = 3; }
}
message MultiInferenceRequest { repeated InferenceTask tasks = 1; Input input = 2; }
message MultiInferenceResponse { repeated InferenceResult results = 1; }
message SignatureDefMap { map<string, tensorflow.SignatureDef> signature_def = 1; }
message GetModelMetadataRequest { ModelSpec model_spec = 1; repeated string metadata_field = 2; }
message GetModelMetadataResponse { ModelSpec model_spec = 1; map<string, google.protobuf.Any> metadata = 2; }
message GetModelStatusRequest { ModelSpec model_spec = 1; }
message StatusProto { tensorflow.error.Code error_code = 1; string error_message = 2; }
message ModelVersionStatus {
  enum State { UNKNOWN = 0; START = 10; LOADING = 20; AVAILABLE = 30; UNLOADING = 40; END = 50; }
  int64 version = 1;
  State state = 2;
  StatusProto status = 3;
}
message GetModelStatusResponse { repeated ModelVersionStatus model_version_status = 1; }
message FileSystemStoragePathSourceConfig {
  message ServableVersionPolicy {
    message Specific { repeated int64 versions = 1; }
    oneof policy_choice { Specific specific = 102; }
  }
}
message ModelConfig {
  string name = 1;
  FileSystemStoragePathSourceConfig.ServableVersionPolicy model_version_policy = 7;
  map<string, int64> version_labels = 8;
}
message ModelConfigList { repeated ModelConfig config = 1; }
message ModelServerConfig {
  oneof config { ModelConfigList model_config_list = 1; google.protobuf.Any custom_model_config = 2; }
}
message ReloadConfigRequest { ModelServerConfig config = 1; }
message ReloadConfigResponse { StatusProto status = 1; }
message SessionRunRequest {
  ModelSpec model_spec = 1;
  repeated tensorflow.NamedTensorProto feed = 2;
  repeated string fetch = 3;
  repeated string target = 4;
  bool tensor_name_is_alias = 6;
}
message SessionRunResponse { repeated tensorflow.NamedTensorProto tensor = 1; ModelSpec model_spec = 3; }
"""

# What Input is to us: examples as they came, which the model parses itself. As TensorFlow Serving does inside.
SERIALIZED_NAME = "tensorflow_serving_serialized.proto"
SERIALIZED_PACKAGE = "bms.serialized"
SERIALIZED_TEXT = """
message ExampleList { repeated bytes examples = 1; }
message ExampleListWithContext { repeated bytes examples = 1; bytes context = 2; }
message Input {
  oneof kind { ExampleList example_list = 1; ExampleListWithContext example_list_with_context = 2; }
}
message ExamplesRequest { tensorflow.serving.ModelSpec model_spec = 1; Input input = 2; }
message MultiInferenceRequest { repeated tensorflow.serving.InferenceTask tasks = 1; Input input = 2; }
"""
