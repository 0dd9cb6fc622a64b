#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/backup/source.h"
#include "client/remote/retry_budget.h"
#include "client/remote/write_stream.h"
#include "common/status/status_macros.h"

namespace cairn::client {

// Longest waits: for the answer to `begin`; for a watermark, and for the end,
// which syncs; for the status of a stream that has said its last word.
inline constexpr absl::Duration kWriteStartTimeout = absl::Minutes(1);
inline constexpr absl::Duration kWriteStallTimeout = absl::Minutes(3);
inline constexpr absl::Duration kWriteGoodbyeTimeout = absl::Seconds(5);

// What is known of one archive over all its streams.
struct StreamTotals {
  uint64_t durable_bytes = 0;  // of the archive
  uint64_t sent_bytes = 0;     // of messages
};

// One call that writes an archive: what all ways in have in common, whatever
// travels between `begin` and `end`. One thread.
template <typename Request>
class ArchiveStream {
 public:
  struct Options {
    std::string archive;  // for error texts
    // Asks for a watermark after this many bytes without one; 0: never.
    uint64_t flush_interval_bytes = 0;
  };

  // `budget` and `totals` outlive the stream.
  ArchiveStream(Options options, std::unique_ptr<WriteStreamOf<Request>> stream,
                RetryBudget* budget, StreamTotals* totals)
      : options_(std::move(options)),
        stream_(std::move(stream)),
        budget_(budget),
        totals_(totals) {}

  // Sends `begin`, whose resume_offset is `offset`, and waits for `started`.
  absl::StatusOr<model::v1::ChunkerSpec> Begin(Request begin, uint64_t offset) {
    RETURN_IF_ERROR(Send(std::move(begin)));
    const WriteState started = stream_->WaitUntil(
        [](const WriteState& state) { return state.started; },
        kWriteStartTimeout);
    if (!started.started) {
      return started.ended ? EarlyEnd(started)
                           : absl::UnavailableError("no answer to `begin`");
    }
    if (started.start_offset != offset) {
      return absl::InternalError(absl::StrCat(
          "archive ", options_.archive, ": the server starts at byte ",
          started.start_offset, ", it was asked for ", offset));
    }
    asked_ = offset;
    return started.chunker;
  }

  absl::Status Send(Request request) {
    const uint64_t bytes = request.ByteSizeLong();
    RETURN_IF_ERROR(stream_->Write(std::move(request)));
    totals_->sent_bytes += bytes;
    return absl::OkStatus();
  }

  // Takes over what the server made durable; its error if the call is over.
  absl::Status Advance(Source& source) {
    const WriteState state = stream_->WaitUntil(
        [](const WriteState&) { return true; }, absl::ZeroDuration());
    if (state.durable_bytes > totals_->durable_bytes) {
      totals_->durable_bytes = state.durable_bytes;
      budget_->Progress();
      source.Release(totals_->durable_bytes);
    }
    return state.ended ? EarlyEnd(state) : absl::OkStatus();
  }

  // Asks for a watermark if all up to `sent` was sent and it is time for one.
  absl::Status FlushIfDue(uint64_t sent) {
    if (options_.flush_interval_bytes == 0 ||
        sent < std::max(totals_->durable_bytes, asked_) +
                   options_.flush_interval_bytes) {
      return absl::OkStatus();
    }
    asked_ = sent;
    return Flush();
  }

  // Waits until more is durable.
  absl::Status WaitForRoom() {
    RETURN_IF_ERROR(Flush());
    const uint64_t before = totals_->durable_bytes;
    const WriteState state = stream_->WaitUntil(
        [before](const WriteState& now) { return now.durable_bytes > before; },
        kWriteStallTimeout);
    if (state.ended) return EarlyEnd(state);
    if (state.durable_bytes > before) return absl::OkStatus();
    // An interrupt shows at the next step of the source.
    return absl::UnavailableError(absl::StrCat(
        "archive ", options_.archive, ": nothing became durable for ",
        absl::FormatDuration(kWriteStallTimeout)));
  }

  // Sends `end` and waits until the archive is whole.
  absl::StatusOr<ingest::v1::WriteFinished> End(Request end) {
    RETURN_IF_ERROR(Send(std::move(end)));
    WriteState state;
    // However long the server works on the rest, as long as it gets on.
    while (!state.finished) {
      const uint64_t before = totals_->durable_bytes;
      state = stream_->WaitUntil(
          [before](const WriteState& now) {
            return now.finished || now.durable_bytes > before;
          },
          kWriteStallTimeout);
      if (!state.finished && state.ended) return EarlyEnd(state);
      if (!state.finished && state.durable_bytes <= before) {
        return absl::UnavailableError("no answer to `end`");
      }
      totals_->durable_bytes = std::max(before, state.durable_bytes);
      budget_->Progress();
    }
    // Leaving at once would cancel a call that is about to end by itself.
    stream_->WaitUntil([](const WriteState& now) { return now.ended; },
                       kWriteGoodbyeTimeout);
    return std::move(state.result);
  }

 private:
  // Why a stream ended that had not said `finished`.
  static absl::Status EarlyEnd(const WriteState& state) {
    if (!state.status.ok()) return state.status;
    return absl::UnavailableError("the server ended the stream early");
  }

  absl::Status Flush() {
    Request flush;
    flush.mutable_flush();
    return Send(std::move(flush));
  }

  const Options options_;
  const std::unique_ptr<WriteStreamOf<Request>> stream_;
  RetryBudget* const budget_;
  StreamTotals* const totals_;
  uint64_t asked_ = 0;  // up to where a watermark was asked for
};

}  // namespace cairn::client
