#pragma once

#include <memory>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/kv/memory_kv_store.h"
#include "common/model/call.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "services/maintenance/engine/token_book.h"
#include "services/maintenance/storage/token_store.h"

namespace cairn::maintenance {

// The book of tokens with everything around it in memory. For one thread.
struct TokenSuite {
  TokenSuite() : kv(TokenStore::TableNames().size()), store(&kv, 0) {
    call.caller = {.kind = CallerKind::kUnix,
                   .role = CallerRole::kAdmin,
                   .principal = "root@unix"};
  }

  // A new one over what is durable; the old one, if any, is gone.
  absl::Status Start() {
    book.reset();
    auto opened = TokenBook::Open(
        options, {.clock = &clock,
                  .store = &store,
                  .secrets = [this](size_t count) { return Secret(count); }});
    if (!opened.ok()) return opened.status();
    book = *std::move(opened);
    return absl::OkStatus();
  }

  // With a request id of its own.
  TokenRequest Request(const std::string& name) {
    return {.request_id = absl::StrCat("request ", next_request++),
            .name = name,
            .role = CallerRole::kBackup,
            .created_by = call.caller.principal};
  }

  absl::StatusOr<std::string> Secret(size_t count) {
    if (secrets_fail) return absl::InternalError("no random bytes");
    last_secret.resize(count);
    for (char& byte : last_secret) byte = static_cast<char>(random());
    return last_secret;
  }

  TokenBook::Options options;
  Call call;
  FakeClock clock;
  MemoryKvStore kv;
  TokenStore store;
  std::mt19937_64 random{TestSeed()};
  bool secrets_fail = false;
  std::string last_secret;
  int next_request = 1;
  std::unique_ptr<TokenBook> book;
};

}  // namespace cairn::maintenance
