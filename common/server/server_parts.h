#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/endpoint.h"
#include "common/rpc/tls_files.h"

// What a CairnServer is built with; gRPC's side of it.
namespace cairn {

// Limits and keepalive of every server, and for `dispatched` ones what the
// dispatcher needs.
// `max_connection_age`: after about so long a client is told to connect
// anew, and calls in flight on the old connection go on to their end; so
// replicas that were added get their part. Zero: never.
void ConfigureBuilder(bool dispatched, uint64_t memory_bytes,
                      absl::Duration max_connection_age,
                      grpc::ServerBuilder* builder);

enum class ClientCertificate {
  kRequired,
  // Callers without one need a bearer token; one that is shown must be good.
  kOptional,
};

// TLS: a client whose certificate is not of `files.ca`, has expired or is not
// yet valid is not accepted. The files are read again each second.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(
    const TlsFiles& files, ClientCertificate client);

}  // namespace cairn
