#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/endpoint.h"
#include "common/rpc/tls_files.h"

// What a CairnServer is built with; gRPC's side of it.
namespace cairn {

// Limits and keepalive of every server, and for `dispatched` ones what the
// dispatcher needs.
void ConfigureBuilder(bool dispatched, uint64_t memory_bytes,
                      grpc::ServerBuilder* builder);

// Mutual TLS: a client without a certificate of `files.ca` is not accepted.
// The files are read again every minute.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(
    const TlsFiles& files);

}  // namespace cairn
