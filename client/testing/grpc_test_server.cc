#include "client/testing/grpc_test_server.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"

namespace cairn::client {
namespace {

std::string MakeFolder() {
  std::string folder = "/tmp/cairn-fake.XXXXXX";
  CHECK(mkdtemp(folder.data()) != nullptr) << folder;
  return folder;
}

}  // namespace

GrpcTestServer::GrpcTestServer()
    : folder_(MakeFolder()),
      address_(absl::StrCat("unix:", folder_, "/socket")) {}

GrpcTestServer::~GrpcTestServer() {
  Stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void GrpcTestServer::Serve(const std::vector<grpc::Service*>& services) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
  // How long a poller may take to see a shutdown; by default ten seconds.
  builder.SetSyncServerOption(grpc::ServerBuilder::CQ_TIMEOUT_MSEC, 50);
  builder.SetMaxReceiveMessageSize(4 * 1024 * 1024 + 64 * 1024);
  for (grpc::Service* service : services) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  CHECK(server_ != nullptr) << "cannot listen on " << address_;
}

void GrpcTestServer::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::time_point());
  server_->Wait();
  server_.reset();
}

}  // namespace cairn::client
