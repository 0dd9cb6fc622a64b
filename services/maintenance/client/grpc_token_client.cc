#include "services/maintenance/client/grpc_token_client.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/client_call.h"
#include "common/status/status_macros.h"
#include "common/wire/token.h"

namespace cairn {
namespace {

namespace v1 = maintenance::v1;

// Of one page; callers bound the whole.
constexpr absl::Duration kTimeout = absl::Seconds(10);
// While somebody makes tokens one after another the pages keep changing.
constexpr int kAttempts = 4;
constexpr size_t kMaxVersionBytes = 64;

absl::Status BadAnswer(std::string_view what) {
  return absl::DataLossError(
      absl::StrCat("answer of maintenance about tokens: ", what));
}

}  // namespace

GrpcTokenClient::GrpcTokenClient(const std::shared_ptr<grpc::Channel>& channel,
                                 const Clock* clock)
    : stub_(v1::TokenService::NewStub(channel)), clock_(clock) {}

absl::Status GrpcTokenClient::ReadPages(const Call& call,
                                        std::string_view known_version,
                                        TokenCopy* copy) {
  v1::ReadTokenTableRequest request;
  request.set_known_version(std::string(known_version));
  do {
    ClientCall client(call, *clock_, kTimeout);
    v1::ReadTokenTableResponse response;
    RETURN_IF_ERROR(client.Finish(
        stub_->ReadTokenTable(client.context(), request, &response)));
    if (response.version().empty() ||
        response.version().size() > kMaxVersionBytes) {
      return BadAnswer("it has no version");
    }
    if (request.page_token().empty()) {
      copy->version = response.version();
      copy->unchanged = response.unchanged();
    } else if (response.version() != copy->version) {
      return BadAnswer("its pages are of two versions");
    }
    const auto more = static_cast<size_t>(response.entries_size());
    if (more > kMaxTokenEntries - copy->entries.size()) {
      return BadAnswer("it has too many entries");
    }
    if (more == 0 && !response.next_page_token().empty()) {
      return BadAnswer("it has a page without entries that is not the last");
    }
    for (const v1::TokenEntry& proto : response.entries()) {
      absl::StatusOr<TokenEntry> entry = FromProto(proto);
      if (!entry.ok()) return BadAnswer(entry.status().message());
      copy->entries.push_back(*std::move(entry));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<TokenCopy> GrpcTokenClient::ReadTokens(
    const Call& call, std::string_view known_version) {
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    TokenCopy copy;
    status = ReadPages(call, known_version, &copy);
    if (status.ok()) return copy;
    if (!absl::IsAborted(status)) return status;
  }
  return status;
}

}  // namespace cairn
