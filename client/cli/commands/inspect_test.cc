#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cairn/record/v1/record.pb.h"
#include "client/cli/program.h"
#include "common/io/posix_file_system.h"
#include "common/pack/test_pack.h"
#include "common/page/page.h"
#include "common/testing/seed.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

const Uuid kDatastore = {{0xdd, 7}};

// `cairn inspect`, which needs no server.
class InspectTest : public ::testing::Test {
 protected:
  InspectTest() {
    Page page;
    page.entries.push_back({.length = 5, .digest = Digest{{9}}});
    page_ = EncodePage(page);
    record::v1::Manifest manifest;
    manifest.set_format_version(1);
    manifest.set_sequence(3);
    manifest.mutable_group()->set_datastore("default");
    manifest.mutable_group()->set_type(3);
    manifest.mutable_group()->set_id("web1");
    manifest.set_time(1'600'000'000);
    auto* const archive = manifest.add_archives();
    archive->set_name("root.tar");
    archive->set_kind(1);
    archive->mutable_root()->set_size_bytes(5);
    manifest_ = manifest.SerializeAsString();
    record::v1::Event event;
    event.set_format_version(1);
    event.mutable_group_updated()->mutable_group()->set_id("web1");
    event.mutable_group_updated()->set_owner("ann");
    pack_.Add(RecordKind::kPage, page_);
    pack_.Add(RecordKind::kManifest, manifest_, 3, Encoding::kZstd);
    pack_.Add(RecordKind::kEvent, event.SerializeAsString(), 4);
    pack_.AddFooter();
  }

  int Run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    const Console console = {
        .out = &out_,
        .err = &err_,
        .environment = [](const std::string&) -> std::optional<std::string> {
          return std::nullopt;
        },
        .clock = &clock_,
        .interrupt = &interrupt_};
    return RunProgram(arguments, console, random_);
  }
  Json json() const { return Json::parse(out_.str()); }
  std::string WritePack(const std::string& bytes) {
    const std::string path =
        dir_.Join(absl::StrCat(pack_.pack().ToString(), ".pack"));
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::string WritePack() { return WritePack(pack_.bytes()); }
  std::string OffsetOf(size_t nth) {
    return absl::StrCat("--offset=", pack_.entries().at(nth).offset);
  }

  std::mt19937_64 random_{TestSeed()};
  TempDir dir_;
  SystemClock clock_;
  Interrupt interrupt_;
  std::ostringstream out_;
  std::ostringstream err_;
  TestPack pack_{Uuid{{0xaa, 1}}, kDatastore, PackClass::kMetadata};
  std::string page_;
  std::string manifest_;
};

TEST_F(InspectTest, ListsTheRecordsOfAPack) {
  const std::string path = WritePack();
  ASSERT_EQ(Run({"inspect", "pack", path}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("of datastore " + kDatastore.ToString()));
  EXPECT_THAT(out_.str(), HasSubstr("footer     valid"));
  EXPECT_THAT(out_.str(), HasSubstr(pack_.entries()[1].key.digest.ToHex()));
  ASSERT_EQ(Run({"inspect", "pack", path, "--output-format", "json"}), 0);
  EXPECT_EQ(json()["records"].size(), 3u);
  EXPECT_EQ(json()["records"][0]["kind"], "page");
  EXPECT_EQ(json()["records"][1]["sequence"], 3);
  EXPECT_EQ(json()["records"][1]["proves"], true);
  EXPECT_EQ(json()["footer"], "valid");
}

TEST_F(InspectTest, SaysWhatIsDamaged) {
  pack_.FlipPayload(1);
  const std::string path = WritePack();
  ASSERT_EQ(Run({"inspect", "pack", path}), 13);
  EXPECT_THAT(out_.str(), HasSubstr("2 prove, 1 damaged"));
  EXPECT_THAT(out_.str(), HasSubstr("NO"));
  ASSERT_EQ(Run({"inspect", "pack", path, "--quick"}), 0);
  ASSERT_EQ(Run({"inspect", "record", path, OffsetOf(1)}), 13);
  EXPECT_THAT(out_.str(), HasSubstr("header     proves\npayload    NO"));
  ASSERT_EQ(Run({"inspect", "manifest", path, OffsetOf(1)}), 13);
  EXPECT_THAT(err_.str(), HasSubstr("payload digest"));
}

TEST_F(InspectTest, WritesTheDecodedPayloadOnce) {
  const std::string path = WritePack();
  const std::string file = dir_.Join("manifest.bin");
  ASSERT_EQ(Run({"inspect", "record", path, OffsetOf(1), "--output", file}), 0)
      << err_.str();
  std::ifstream in(file, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), manifest_);
  EXPECT_EQ(Run({"inspect", "record", path, OffsetOf(1), "--output", file}),
            14);
  ASSERT_EQ(Run({"inspect", "manifest", file}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("host/web1/2020-09-13T12:26:40"));
}

TEST_F(InspectTest, DecodesPagesManifestsAndEvents) {
  const std::string path = WritePack();
  ASSERT_EQ(Run({"inspect", "page", path, OffsetOf(0)}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr(Digest{{9}}.ToHex()));
  ASSERT_EQ(Run({"inspect", "page", path, OffsetOf(0), "--output-format=json"}),
            0);
  EXPECT_EQ(json()["entries"][0]["length"], 5);
  std::ofstream(dir_.Join("page.bin"), std::ios::binary) << page_;
  EXPECT_EQ(Run({"inspect", "page", dir_.Join("page.bin")}), 0);
  ASSERT_EQ(
      Run({"inspect", "manifest", path, OffsetOf(1), "--output-format=json"}),
      0);
  EXPECT_EQ(json()["group"]["id"], "web1");
  EXPECT_EQ(json()["archives"][0]["name"], "root.tar");
  ASSERT_EQ(Run({"inspect", "manifest", path, OffsetOf(2)}), 0);
  EXPECT_EQ(json()["change"], "group_updated");
  EXPECT_EQ(json()["owner"], "ann");
  EXPECT_EQ(Run({"inspect", "page", path, OffsetOf(1)}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("of kind manifest, not page"));
}

TEST_F(InspectTest, NamesWhatIsNotThere) {
  EXPECT_EQ(Run({"inspect", "pack", dir_.Join("none.pack")}), 74);
  std::ofstream(dir_.Join("other.txt")) << "text";
  EXPECT_EQ(Run({"inspect", "pack", dir_.Join("other.txt")}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("not the header of a pack"));
  EXPECT_EQ(Run({"inspect", "page", dir_.Join("other.txt")}), 13);
  EXPECT_EQ(Run({"inspect", "manifest", dir_.Join("other.txt")}), 13);
  const std::string path = WritePack();
  EXPECT_EQ(Run({"inspect", "record", path, "--offset=4097"}), 2);
  EXPECT_EQ(Run({"inspect", "record", path, "--offset=99999999"}), 2);
  EXPECT_EQ(Run({"inspect", "record", path}), 2);
}

// Any bytes get an answer or an error, never a wrong record.
TEST_F(InspectTest, RandomFlipsNeverCrashIt) {
  const std::string whole = pack_.bytes();
  for (int round = 0; round < 150; ++round) {
    std::string bytes = whole;
    for (uint64_t flips = 1 + random_() % 8; flips > 0; --flips) {
      bytes[random_() % bytes.size()] ^= static_cast<char>(1 << random_() % 8);
    }
    if (random_() % 4 == 0) bytes.resize(random_() % bytes.size());
    const std::string path = WritePack(bytes);
    EXPECT_THAT(Run({"inspect", "pack", path, "--output-format=json"}),
                AnyOf(0, 13));
    for (const auto& record : json()["records"]) {
      if (record["proves"] != true) continue;
      EXPECT_THAT(record["digest"],
                  AnyOf(pack_.entries()[0].key.digest.ToHex(),
                        pack_.entries()[1].key.digest.ToHex(),
                        pack_.entries()[2].key.digest.ToHex()));
    }
    for (const char* what : {"record", "page", "manifest"}) {
      for (size_t nth = 0; nth < 3; ++nth) {
        EXPECT_THAT(Run({"inspect", what, path, OffsetOf(nth)}),
                    AnyOf(0, 2, 13));
      }
    }
    EXPECT_THAT(Run({"inspect", "page", path}), AnyOf(2, 13));
    EXPECT_THAT(Run({"inspect", "manifest", path}), AnyOf(2, 13));
  }
}

}  // namespace
}  // namespace cairn::client
