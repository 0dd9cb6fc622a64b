#include "services/chunk_storage/rpc/put_receiver.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "services/chunk_storage/domain/record_proof.h"

namespace cairn::chunk_storage {

absl::Status PutReceiver::CheckLimits(const v1::RecordHeader& header) {
  ++announced_records_;
  // A length beyond all bounds is refused with its field; here it must not
  // overflow.
  announced_bytes_ += std::min(header.stored_length(), kMaxPutBytes);
  if (announced_records_ <= kMaxPutRecords &&
      announced_bytes_ <= kMaxPutBytes) {
    return absl::OkStatus();
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        announced_records_, " records of ", announced_bytes_,
                        " bytes in one put, allowed are ", kMaxPutRecords,
                        " of ", kMaxPutBytes)),
                    reason::kLimitExceeded);
}

absl::Status PutReceiver::Take(v1::PutRequest message) {
  const bool first = !session_.has_value();
  if (message.has_session() != first) {
    return absl::InvalidArgumentError(
        first ? "the first message has no session"
              : "a message after the first has a session");
  }
  if (first) {
    ASSIGN_OR_RETURN(session_, FromProto(message.session()));
    if (!message.has_header() && message.fragment().empty()) {
      return absl::OkStatus();
    }
  }
  if (message.has_header()) RETURN_IF_ERROR(CheckLimits(message.header()));
  ASSIGN_OR_RETURN(
      std::optional<Record> record,
      assembler_.Take(message.has_header() ? &message.header() : nullptr,
                      std::move(*message.mutable_fragment())));
  if (!record.has_value()) return absl::OkStatus();
  batch_bytes_ += record->payload.size();
  batch_.push_back(*std::move(record));
  return batch_bytes_ >= kBatchBytes ? Flush() : absl::OkStatus();
}

absl::Status PutReceiver::Flush() {
  ASSIGN_OR_RETURN(const PutReply stored,
                   repository_->Put(call_, *session_, batch_));
  reply_.incarnation = stored.incarnation;
  reply_.new_records += stored.new_records;
  reply_.duplicate_records += stored.duplicate_records;
  reply_.new_stored_bytes += stored.new_stored_bytes;
  batch_.clear();
  batch_bytes_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<PutReply> PutReceiver::Finish() {
  if (!session_.has_value()) {
    return absl::InvalidArgumentError("the put has no message");
  }
  if (!assembler_.between_records()) {
    return absl::InvalidArgumentError("the put ends within a record");
  }
  // Also without any record: the engine says what it thinks of that.
  if (!batch_.empty() || announced_records_ == 0) RETURN_IF_ERROR(Flush());
  return reply_;
}

}  // namespace cairn::chunk_storage
