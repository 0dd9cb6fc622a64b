#include "services/index/domain/raw_record.h"

#include <utility>

#include "common/digest/sha256.h"

namespace cairn::index {

Record MakeRawRecord(RecordKind kind, uint64_t sequence, std::string payload) {
  const Digest digest = Sha256(payload);
  Record record;
  record.key = {.kind = kind, .domain = {}, .digest = digest};
  record.encoding = Encoding::kRaw;
  record.plain_length = payload.size();
  record.payload_digest = digest;
  record.sequence = sequence;
  record.payload = std::move(payload);
  return record;
}

}  // namespace cairn::index
