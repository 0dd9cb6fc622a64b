#include "common/rpc/channel.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/channel_arguments.h>

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/rpc/bearer_sender.h"
#include "common/rpc/endpoint.h"
#include "common/rpc/server_identity.h"
#include "common/rpc/started_calls.h"
#include "common/rpc/tls_files.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// A lost server is asked again after 0.1 s to 5 s: it may be restarting.
constexpr absl::Duration kMinReconnect = absl::Milliseconds(100);
constexpr absl::Duration kMaxReconnect = absl::Seconds(5);
// How long one attempt to connect, TLS included, may take. gRPC's name for it
// speaks of a backoff, but a refused attempt is not held back by it.
constexpr absl::Duration kConnectTimeout = absl::Seconds(20);

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

grpc::ChannelArguments Arguments(const ChannelOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   Milliseconds(options.keepalive_time));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   Milliseconds(options.keepalive_timeout));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   Milliseconds(kMinReconnect));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   Milliseconds(kConnectTimeout));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   Milliseconds(kMaxReconnect));
  // Retries are made where it is known what is safe to repeat.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // No proxy between the parts of the suite, whatever the environment says.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  return arguments;
}

// The server is the service that was dialled. The chain of its certificate
// was checked before.
class ServiceVerifier final
    : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit ServiceVerifier(std::string service)
      : service_(std::move(service)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> callback,
              grpc::Status* sync_status) override {
    std::vector<std::string_view> uris;
    for (const grpc::string_ref& uri : request->uri_names()) {
      uris.emplace_back(uri.data(), uri.size());
    }
    switch (IdentityOf(uris, service_)) {
      case ServerIdentity::kService:
        *sync_status = grpc::Status::OK;
        return true;
      case ServerIdentity::kAnother:
        *sync_status = grpc::Status(
            grpc::StatusCode::UNAUTHENTICATED,
            absl::StrCat("the server's certificate has ", uris.front(),
                         ", expected is spiffe://cairn/service/", service_));
        return true;
      case ServerIdentity::kUnsaid:
        break;
    }
    return by_name_.Verify(request, std::move(callback), sync_status);
  }

  void Cancel(
      grpc::experimental::TlsCustomVerificationCheckRequest* request) override {
    by_name_.Cancel(request);
  }

 private:
  const std::string service_;
  grpc::experimental::HostNameCertificateVerifier by_name_;
};

std::shared_ptr<grpc::ChannelCredentials> TlsCredentials(
    const TlsFiles& files, const std::string& service) {
  using grpc::experimental::FileWatcherCertificateProvider;
  grpc::experimental::TlsChannelCredentialsOptions options;
  if (files.cert.empty()) {
    options.set_certificate_provider(
        std::make_shared<FileWatcherCertificateProvider>(files.ca,
                                                         kTlsReloadSeconds));
  } else {
    options.set_certificate_provider(
        std::make_shared<FileWatcherCertificateProvider>(
            files.key, files.cert, files.ca, kTlsReloadSeconds));
    options.watch_identity_key_cert_pairs();
  }
  options.watch_root_certs();
  if (service.empty()) {
    options.set_certificate_verifier(
        std::make_shared<grpc::experimental::HostNameCertificateVerifier>());
  } else {
    options.set_certificate_verifier(
        grpc::experimental::ExternalCertificateVerifier::Create<
            ServiceVerifier>(service));
    // That is of the name alone, for each call; the verifier has seen to it.
    options.set_check_call_host(false);
  }
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(
    const ChannelOptions& options) {
  const TlsFiles files = {options.tls_ca_file, options.tls_cert_file,
                          options.tls_key_file};
  ASSIGN_OR_RETURN(const Endpoint endpoint,
                   ParseEndpoint(options.target, !files.empty()));
  if (endpoint.kind != Endpoint::Kind::kUnix && endpoint.port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("target ", options.target, " has port 0"));
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (endpoint.kind == Endpoint::Kind::kTls) {
    RETURN_IF_ERROR(CheckClientTlsFiles(files));
    credentials = TlsCredentials(files, options.tls_service);
  } else {
    credentials = grpc::InsecureChannelCredentials();
  }
  // The first stands outermost.
  std::vector<
      std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>
      interceptors;
  if (options.methods != nullptr) {
    interceptors.push_back(StartedCalls::NewFactory(options.methods));
  }
  if (!options.trace_parent.empty()) {
    interceptors.push_back(StartedCalls::NewTraceFactory(options.trace_parent));
  }
  // Never beyond this machine in plaintext: ParseEndpoint has refused that.
  if (!options.bearer_token.empty()) {
    interceptors.push_back(NewBearerSender(options.bearer_token));
  }
  if (interceptors.empty()) {
    return grpc::CreateCustomChannel(endpoint.Address(), credentials,
                                     Arguments(options));
  }
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      endpoint.Address(), credentials, Arguments(options),
      std::move(interceptors));
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> CreatePeerChannel(
    const std::string& service, const std::string& target, const TlsFiles& tls,
    std::shared_ptr<const RpcMethodTable> methods) {
  return CreateChannel({.target = target,
                        .tls_ca_file = tls.ca,
                        .tls_cert_file = tls.cert,
                        .tls_key_file = tls.key,
                        .tls_service = service,
                        .methods = std::move(methods)});
}

}  // namespace cairn
