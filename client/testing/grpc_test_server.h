#pragma once

#include <memory>
#include <string>
#include <vector>

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace cairn::client {

// A gRPC server on a unix socket of its own, below /tmp: a test's folder is
// often too deep for the 107 bytes of a socket's path. One thread uses it.
class GrpcTestServer {
 public:
  // Aborts the test if there is no folder to be had.
  GrpcTestServer();
  // Stops.
  ~GrpcTestServer();

  // "unix:PATH"
  const std::string& address() const { return address_; }

  // Serves until Stop; the services outlive that. Aborts the test if the
  // socket cannot be had.
  void Serve(const std::vector<grpc::Service*>& services);
  // Breaks all connections off, and returns when no handler runs.
  void Stop();

 private:
  const std::string folder_;
  const std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace cairn::client
