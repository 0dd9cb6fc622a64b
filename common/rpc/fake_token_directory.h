#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/rpc/token_directory.h"

namespace cairn {

// Knows the tokens it was told, and answers at once, or when it is told to.
// Thread-safe.
class FakeTokenDirectory final : public TokenDirectory {
 public:
  ~FakeTokenDirectory() override { AnswerAll(); }

  void Put(const std::string& token, absl::StatusOr<Caller> answer) {
    absl::MutexLock lock(&mutex_);
    answers_.insert_or_assign(token, std::move(answer));
  }
  void Put(const std::string& token, CallerRole role,
           const std::string& scope = "") {
    Put(token, Caller{.kind = CallerKind::kToken,
                      .role = role,
                      .principal = token + "@token",
                      .scope = scope});
  }
  void Remove(const std::string& token) {
    absl::MutexLock lock(&mutex_);
    answers_.erase(token);
  }

  // From now on answers wait for AnswerAll.
  void Hold() {
    absl::MutexLock lock(&mutex_);
    held_ = true;
  }
  // Answers what waits, on this thread, and what comes later at once.
  void AnswerAll() {
    std::vector<std::pair<Done, absl::StatusOr<Caller>>> waiting;
    {
      absl::MutexLock lock(&mutex_);
      held_ = false;
      waiting.swap(waiting_);
    }
    for (auto& [done, answer] : waiting) done(std::move(answer));
  }
  // Waits until that many were asked since the beginning.
  bool AwaitAsked(int count) {
    const auto asked = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return asked_ >= count;
    };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&asked), absl::Seconds(30));
  }
  int asked() {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }

  // Answered at once also while others wait.
  void Know(const std::string& token) {
    absl::MutexLock lock(&mutex_);
    known_.insert(token);
  }

  std::optional<absl::StatusOr<Caller>> FindNow(
      std::string_view token) override {
    absl::MutexLock lock(&mutex_);
    if (!known_.contains(std::string(token))) return std::nullopt;
    return answers_.at(std::string(token));
  }

  void Find(std::string_view token, Done done) override {
    absl::StatusOr<Caller> answer = absl::UnauthenticatedError("no such token");
    {
      absl::MutexLock lock(&mutex_);
      ++asked_;
      const auto found = answers_.find(std::string(token));
      if (found != answers_.end()) answer = found->second;
      if (held_) {
        waiting_.emplace_back(std::move(done), std::move(answer));
        return;
      }
    }
    done(std::move(answer));
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, absl::StatusOr<Caller>> answers_
      ABSL_GUARDED_BY(mutex_);
  std::set<std::string> known_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<Done, absl::StatusOr<Caller>>> waiting_
      ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
