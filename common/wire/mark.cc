#include "common/wire/mark.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"

namespace cairn {
namespace {

constexpr size_t kPrefixBytes = 8;

void AppendPrefix(uint64_t prefix, std::string& bytes) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(prefix >> shift));
  }
}

uint64_t PrefixAt(std::string_view bytes, size_t index) {
  uint64_t prefix = 0;
  for (const char byte : bytes.substr(index * kPrefixBytes, kPrefixBytes)) {
    prefix = prefix << 8 | static_cast<uint8_t>(byte);
  }
  return prefix;
}

absl::StatusOr<MarkHolder> HolderFrom(std::string_view field, char byte) {
  if (byte < 1 || byte > 3) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ".holders has ", static_cast<int>(byte), ", allowed are 1..3"));
  }
  return static_cast<MarkHolder>(byte);
}

}  // namespace

model::v1::MarkRun ToProto(const MarkRun& run) {
  model::v1::MarkRun proto;
  proto.set_kind(static_cast<uint32_t>(run.kind));
  proto.set_domain(DomainToProto(run.domain));
  std::string& prefixes = *proto.mutable_prefixes();
  prefixes.reserve(run.marks.size() * kPrefixBytes);
  std::string holders;
  holders.reserve(run.marks.size());
  for (const Mark& mark : run.marks) {
    AppendPrefix(mark.prefix, prefixes);
    holders.push_back(static_cast<char>(mark.holder));
  }
  const bool all_listed = std::all_of(
      run.marks.begin(), run.marks.end(),
      [](const Mark& mark) { return mark.holder == MarkHolder::kListed; });
  if (!all_listed) proto.set_holders(std::move(holders));
  return proto;
}

absl::StatusOr<MarkRun> FromProto(std::string_view field,
                                  const model::v1::MarkRun& proto) {
  if (proto.kind() < 1 || proto.kind() > 3) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".kind is ", proto.kind(), ", allowed are 1 to 3"));
  }
  MarkRun run;
  run.kind = static_cast<RecordKind>(proto.kind());
  ASSIGN_OR_RETURN(run.domain, DomainFromProto(absl::StrCat(field, ".domain"),
                                               proto.domain()));
  const std::string& prefixes = proto.prefixes();
  const size_t count = prefixes.size() / kPrefixBytes;
  if (prefixes.size() % kPrefixBytes != 0 || count < 1 ||
      count > kMaxMarksPerRun) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          field, ".prefixes has ", prefixes.size(),
                          " bytes, allowed are 1 to ", kMaxMarksPerRun,
                          " times ", kPrefixBytes)),
                      reason::kLimitExceeded);
  }
  if (!proto.holders().empty() && proto.holders().size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".holders has ", proto.holders().size(),
                     " bytes for ", count, " marks"));
  }
  run.marks.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Mark mark = {.prefix = PrefixAt(prefixes, i)};
    if (!proto.holders().empty()) {
      ASSIGN_OR_RETURN(mark.holder, HolderFrom(field, proto.holders()[i]));
    }
    run.marks.push_back(mark);
  }
  return run;
}

}  // namespace cairn
