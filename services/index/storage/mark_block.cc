#include "services/index/storage/mark_block.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cairn::index {
namespace {

constexpr size_t kMarksPerBlock = 4096;
constexpr size_t kPrefixBytes = sizeof(uint64_t);
constexpr size_t kDomainBytes = sizeof(Domain);
constexpr size_t kHeaderBytes = 1 + kDomainBytes + 1;
constexpr char kNoHolder = 0;

uint64_t BigEndian(const uint8_t* bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof(number); ++i) number = number << 8 | bytes[i];
  return number;
}

void PutBigEndian(uint64_t number, uint8_t* bytes) {
  for (size_t i = sizeof(number); i-- > 0; number >>= 8) {
    bytes[i] = static_cast<uint8_t>(number);
  }
}

bool IsHolder(char byte) {
  return byte >= static_cast<char>(MarkHolder::kListed) &&
         byte <= static_cast<char>(MarkHolder::kTrash);
}

}  // namespace

MarkKey::MarkKey(RecordKind record_kind, const Domain& domain,
                 uint64_t mark_prefix)
    : kind(record_kind),
      domain_high(BigEndian(domain.bytes.data())),
      domain_low(BigEndian(domain.bytes.data() + 8)),
      prefix(mark_prefix) {}

Domain MarkKey::domain() const {
  Domain domain;
  PutBigEndian(domain_high, domain.bytes.data());
  PutBigEndian(domain_low, domain.bytes.data() + 8);
  return domain;
}

bool MarkCodec::Writer::Add(const MarkEntry& entry) {
  if (!prefixes_.empty() &&
      (holders_.size() == kMarksPerBlock || entry.key.kind != first_.kind ||
       entry.key.domain_high != first_.domain_high ||
       entry.key.domain_low != first_.domain_low)) {
    return false;
  }
  const char holder = static_cast<char>(entry.holder);
  if (prefixes_.empty()) {
    first_ = entry.key;
    one_holder_ = true;
    prefixes_.reserve(kMarksPerBlock * kPrefixBytes);
    holders_.reserve(kMarksPerBlock);
  } else if (holder != holders_.back()) {
    one_holder_ = false;
  }
  char bytes[kPrefixBytes];
  std::memcpy(bytes, &entry.key.prefix, kPrefixBytes);
  prefixes_.append(bytes, kPrefixBytes);
  holders_.push_back(holder);
  return true;
}

std::string MarkCodec::Writer::Take() {
  if (prefixes_.empty()) return std::string();
  const char kind = static_cast<char>(first_.kind);
  const char holder = one_holder_ ? holders_.front() : kNoHolder;
  std::string block = absl::StrCat(
      std::string_view(&kind, 1), first_.domain().view(),
      std::string_view(&holder, 1), prefixes_,
      one_holder_ ? std::string_view() : std::string_view(holders_));
  prefixes_.clear();
  holders_.clear();
  return block;
}

bool MarkCodec::Reader::Load(std::string block) {
  block_ = std::move(block);
  next_ = count_ = 0;
  if (block_.size() <= kHeaderBytes) return false;
  const char kind = block_[0];
  if (kind < static_cast<char>(RecordKind::kChunk) ||
      kind > static_cast<char>(RecordKind::kManifest)) {
    return false;
  }
  Domain domain;
  std::memcpy(domain.bytes.data(), block_.data() + 1, kDomainBytes);
  entry_.key = MarkKey(static_cast<RecordKind>(kind), domain, 0);
  const char holder = block_[kHeaderBytes - 1];
  one_holder_ = holder != kNoHolder;
  if (one_holder_ && !IsHolder(holder)) return false;
  entry_.holder = static_cast<MarkHolder>(holder);
  const size_t mark_bytes = kPrefixBytes + (one_holder_ ? 0 : 1);
  const size_t rest = block_.size() - kHeaderBytes;
  if (rest % mark_bytes != 0) return false;
  count_ = rest / mark_bytes;
  return true;
}

bool MarkCodec::Reader::Next(MarkEntry& entry) {
  if (next_ == count_) return false;
  entry = entry_;
  const char* const prefixes = block_.data() + kHeaderBytes;
  std::memcpy(&entry.key.prefix, prefixes + next_ * kPrefixBytes, kPrefixBytes);
  if (!one_holder_) {
    // A byte that is none is below all: the mark then counts as listed.
    const char holder = prefixes[count_ * kPrefixBytes + next_];
    entry.holder = IsHolder(holder) ? static_cast<MarkHolder>(holder)
                                    : MarkHolder::kListed;
  }
  ++next_;
  return true;
}

}  // namespace cairn::index
