#include "common/pack/test_pack.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {

TestPack::TestPack(const Uuid& pack, const Uuid& datastore,
                   PackClass pack_class)
    : pack_(pack), bytes_(EncodePackHeader({pack, datastore, pack_class})) {}

RecordKey TestPack::Add(RecordKind kind, const std::string& plain,
                        uint64_t sequence, Encoding encoding) {
  const std::string payload = encoding == Encoding::kZstd
                                  ? ZstdCompress(plain, kDefaultZstdLevel)
                                  : plain;
  RecordHeader header;
  header.key = {kind, Domain(), Sha256(plain)};
  header.encoding = encoding;
  header.plain_length = static_cast<uint32_t>(plain.size());
  header.stored_length = static_cast<uint32_t>(payload.size());
  header.payload_digest = Sha256(payload);
  header.epoch = 4;
  header.sequence = sequence;
  entries_.push_back(EntryOf(header, bytes_.size()));
  bytes_ += EncodeRecordHeader(header, pack_, bytes_.size()) + payload;
  bytes_.resize(AlignUp(bytes_.size(), kRecordAlignment));
  return header.key;
}

void TestPack::AddFooter() {
  bytes_.resize(AlignUp(bytes_.size(), kPackBlockBytes));
  bytes_ += EncodePackFooter(pack_, bytes_.size(), entries_);
}

void TestPack::FlipPayload(size_t nth) {
  bytes_[entries_.at(nth).offset + kRecordHeaderBytes] ^= 0x10;
}
void TestPack::FlipHeader(size_t nth) {
  bytes_[entries_.at(nth).offset + 20] ^= 0x10;
}

std::string TestPack::WriteTo(FileSystem& files,
                              const std::string& directory) const {
  EXPECT_OK(files.CreateDirectories(directory));
  std::string path = absl::StrCat(directory, "/", pack_.ToString(), ".pack");
  const auto file = files.Create(path);
  EXPECT_OK(file);
  if (!file.ok()) return path;
  const std::string_view pieces[] = {bytes_};
  EXPECT_OK((*file)->WriteAt(0, pieces));
  return path;
}

}  // namespace cairn
