"""The messages of the gRPC health service. Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md"""

NAME = "grpc/health/v1/health.proto"
PACKAGE = "grpc.health.v1"
SERVICE = "grpc.health.v1.Health"

TEXT = """
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
message HealthListRequest {}
message HealthListResponse { map<string, HealthCheckResponse> statuses = 1; }
service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
  rpc List(HealthListRequest) returns (HealthListResponse);
  rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse);
}
"""
