#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "client/backup/tar_producer.h"
#include "client/restore/tar_target.h"
#include "client/testing/tree.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = 1024 * 1024;

// A tree into a tar stream and back.
class TarRoundTripTest : public ::testing::Test {
 protected:
  TarRoundTripTest() { EXPECT_EQ(mkdir(source_.c_str(), 0755), 0); }

  std::string In(const std::string& name) const { return source_ + "/" + name; }

  void Write(const std::string& name, const std::string& content,
             mode_t mode = 0644) {
    std::ofstream(In(name), std::ios::binary) << content;
    ASSERT_EQ(chmod(In(name).c_str(), mode), 0);
  }

  void SetTime(const std::string& path, int64_t seconds, long nanos) {
    const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 1},
                               {.tv_sec = seconds, .tv_nsec = nanos}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }

  // The whole stream; `between` runs after each piece.
  std::string Tar(
      TarProducer::Options options = {},
      const std::function<void()>& between = [] {}) {
    options.directory = source_;
    auto producer = TarProducer::Open(options, &interrupt_, &problems_);
    EXPECT_OK(producer);
    std::string tar;
    while (true) {
      auto piece = (*producer)->Read();
      EXPECT_OK(piece);
      if (!piece.ok() || (*piece)->empty()) return tar;
      EXPECT_LE((*piece)->size(), size_t{kMiB});
      tar += **piece;
      between();
    }
  }

  void Untar(const std::string& tar) {
    auto target = TarTarget::Open({.directory = target_,
                                   .overwrite = true,
                                   .restore_owner = geteuid() == 0},
                                  &interrupt_, &problems_);
    ASSERT_OK(target);
    size_t at = 0;
    // Odd pieces, as a network gives them.
    ASSERT_OK((*target)->Extract([&]() -> absl::StatusOr<std::string_view> {
      const std::string_view piece = std::string_view(tar).substr(at, 10007);
      at += piece.size();
      return piece;
    }));
  }

  TempDir dir_;
  const std::string source_ = dir_.Join("source");
  const std::string target_ = dir_.Join("target");
  Interrupt interrupt_;
  ProblemLog problems_;
};

TEST_F(TarRoundTripTest, BringsBackAllThatPaxCarries) {
  Write("plain", "content", 0640);
  Write("set-id", "x", 04755);
  Write("empty", "");
  Write("large", std::string(3 * kMiB + 1, 'L'));
  Write("sch\xc3\xb6n", "utf-8 name");
  Write("not\xff\xfeutf8", "a name of bytes");
  Write("line\nfeed", "odd name");
  Write(std::string(255, 'n'), "longest name");
  ASSERT_EQ(mkdir(In("dir").c_str(), 0500), 0);
  ASSERT_EQ(mkdir(In("sticky").c_str(), 01777), 0);
  ASSERT_EQ(chmod(In("sticky").c_str(), 01777), 0);
  ASSERT_EQ(symlink("../outside/nowhere", In("link").c_str()), 0);
  ASSERT_EQ(symlink(std::string(1000, 't').c_str(), In("far").c_str()), 0);
  ASSERT_EQ(link(In("plain").c_str(), In("same").c_str()), 0);
  ASSERT_EQ(link(In("link").c_str(), In("same-link").c_str()), 0);
  ASSERT_EQ(mkfifo(In("fifo").c_str(), 0600), 0);
  setxattr(In("plain").c_str(), "user.note", "a\0b\n", 4, 0);
  setxattr(In("dir").c_str(), "user.dir", "", 0, 0);
  SetTime(In("plain"), 1234567890, 123456789);
  SetTime(In("link"), 1600000000, 1);
  SetTime(In("large"), -1000, 5);
  SetTime(In("dir"), 1000000000, 999999999);
  SetTime(source_, 1111111111, 222222222);

  Untar(Tar());
  EXPECT_THAT(problems_.texts(), IsEmpty());
  EXPECT_THAT(TreeDifferences(source_, target_), IsEmpty());
}

TEST_F(TarRoundTripTest, BringsBackWhatOnlyRootMayMake) {
  Write("owned", "x");
  Write("acl", "x");
  if (chown(In("owned").c_str(), 12345, 3'000'000'000u) != 0 ||
      mknod(In("null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) {
    GTEST_SKIP() << "needs root";
  }
  ASSERT_EQ(mknod(In("disk").c_str(), S_IFBLK | 0600, makedev(259, 70000)), 0);
  ASSERT_EQ(mkdir(In("acl-dir").c_str(), 0755), 0);
  setxattr(In("owned").c_str(), "trusted.t", "v", 1, 0);
  // u::rw-,u:1:r--,g::r--,m::r--,o::--- in the kernel's form.
  const unsigned char acl[] = {
      2,    0,    0,    0,    1,    0,    6,    0,    0xff, 0xff, 0xff,
      0xff, 2,    0,    4,    0,    1,    0,    0,    0,    4,    0,
      4,    0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,    4,    0,    0xff,
      0xff, 0xff, 0xff, 0x20, 0,    0,    0,    0xff, 0xff, 0xff, 0xff};
  const bool acls = setxattr(In("acl").c_str(), "system.posix_acl_access", acl,
                             sizeof(acl), 0) == 0 &&
                    setxattr(In("acl-dir").c_str(), "system.posix_acl_default",
                             acl, sizeof(acl), 0) == 0;
  Untar(Tar());
  EXPECT_THAT(problems_.texts(), IsEmpty());
  EXPECT_THAT(TreeDifferences(source_, target_), IsEmpty());
  if (acls) {
    EXPECT_THAT(DescribeTree(target_).at("/acl"),
                HasSubstr("posix_acl_access"));
  }
}

TEST_F(TarRoundTripTest, KeepsHoles) {
  const auto make = [&](const std::string& name, off_t data, off_t size) {
    const int fd = open(In(name).c_str(), O_RDWR | O_CREAT, 0600);
    if (data >= 0) {
      ASSERT_EQ(pwrite(fd, "data", 4, data), 4);
    }
    ASSERT_EQ(ftruncate(fd, size), 0);
    close(fd);
  };
  make("end", 0, 16 * kMiB);
  make("middle", 9 * kMiB + 7, 16 * kMiB);
  make("begin", 16 * kMiB - 4, 16 * kMiB);
  make("all", -1, 16 * kMiB);
  const std::string tar = Tar();
  EXPECT_LT(tar.size(), kMiB);
  Untar(tar);
  EXPECT_THAT(problems_.texts(), IsEmpty());
  EXPECT_THAT(TreeDifferences(source_, target_), IsEmpty());
  for (const char* name : {"end", "middle", "begin", "all"}) {
    struct stat status;
    ASSERT_EQ(stat((target_ + "/" + name).c_str(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, static_cast<int64_t>(kMiB)) << name;
  }
}

TEST_F(TarRoundTripTest, DirectoriesThatWereThereGetTheirTimesToo) {
  ASSERT_EQ(mkdir(In("dir").c_str(), 0750), 0);
  Write("dir/a", "x");
  SetTime(In("dir"), 1000000000, 7);
  SetTime(source_, 1111111111, 222222222);
  const std::string tar = Tar();
  ASSERT_EQ(mkdir(target_.c_str(), 0700), 0);
  ASSERT_EQ(mkdir((target_ + "/dir").c_str(), 0700), 0);
  Untar(tar);
  EXPECT_THAT(problems_.texts(), IsEmpty());
  EXPECT_THAT(TreeDifferences(source_, target_), IsEmpty());
}

TEST_F(TarRoundTripTest, DeepTreesComeBack) {
  std::string path = source_;
  const std::string part(200, 'd');
  for (int i = 0; i < 15; ++i) {
    path += "/" + part;
    ASSERT_EQ(mkdir(path.c_str(), 0755), 0);
  }
  std::ofstream(path + "/leaf") << "deep";
  Untar(Tar());
  EXPECT_THAT(problems_.texts(), IsEmpty());
  EXPECT_THAT(TreeDifferences(source_, target_), IsEmpty());
}

TEST_F(TarRoundTripTest, AnUnchangedTreeIsTheSameStream) {
  for (const char* name : {"b", "a", "c"}) Write(name, name);
  const std::string first = Tar();
  std::ifstream(In("a")).get();  // its access time changes
  EXPECT_EQ(Tar(), first);
  SetTime(In("b"), 1, 0);
  EXPECT_NE(Tar(), first);
}

TEST_F(TarRoundTripTest, LeavesOutWhatIsExcluded) {
  Write("keep", "x");
  Write("drop.tmp", "x");
  ASSERT_EQ(mkdir(In("cache").c_str(), 0755), 0);
  Write("cache/inside", "x");
  Untar(Tar({.exclude = {"*.tmp", "/cache"}}));
  const auto tree = DescribeTree(target_);
  EXPECT_EQ(tree.size(), 2u);
  EXPECT_EQ(tree.count("/keep"), 1u);
}

TEST_F(TarRoundTripTest, LeavesOutSockets) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  In("s").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  close(fd);
  Untar(Tar());
  EXPECT_EQ(DescribeTree(target_).size(), 1u);
  EXPECT_THAT(problems_.texts(), IsEmpty());
}

TEST_F(TarRoundTripTest, FillsUpAFileThatShrinks) {
  Write("a", std::string(8 * kMiB, 'x'));
  Write("b", "after it");
  bool done = false;
  Untar(Tar({}, [&] {
    if (!done) {
      ASSERT_EQ(truncate(In("a").c_str(), 100), 0);
    }
    done = true;
  }));
  EXPECT_THAT(problems_.texts(), ElementsAre(HasSubstr("became shorter")));
  struct stat status;
  ASSERT_EQ(stat((target_ + "/a").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, static_cast<off_t>(8 * kMiB));
  EXPECT_EQ(std::ifstream(target_ + "/b").get(), 'a');
}

TEST_F(TarRoundTripTest, TellsOfAFileThatGrowsOrIsWritten) {
  Write("a", std::string(4 * kMiB, 'x'));
  bool done = false;
  Tar({}, [&] {
    if (!done) {
      std::ofstream(In("a"), std::ios::app) << "more";
    }
    done = true;
  });
  EXPECT_THAT(problems_.texts(), ElementsAre(HasSubstr("grew")));
}

TEST_F(TarRoundTripTest, TellsOfAFileThatVanishes) {
  Write("a", std::string(4 * kMiB, 'x'));
  Write("b", "soon gone");
  bool done = false;
  Tar({}, [&] {
    if (!done) {
      ASSERT_EQ(unlink(In("b").c_str()), 0);
    }
    done = true;
  });
  EXPECT_THAT(problems_.texts(), ElementsAre(HasSubstr("b: gone")));
}

TEST_F(TarRoundTripTest, DoesNotFollowADirectoryThatBecomesALink) {
  Write("a", std::string(4 * kMiB, 'x'));
  ASSERT_EQ(mkdir(In("d").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(dir_.Join("secret").c_str(), 0755), 0);
  std::ofstream(dir_.Join("secret") + "/key") << "secret";
  bool done = false;
  const std::string tar = Tar({}, [&] {
    if (!done) {
      {}
      ASSERT_EQ(rmdir(In("d").c_str()), 0);
      ASSERT_EQ(symlink(dir_.Join("secret").c_str(), In("d").c_str()), 0);
    }
    done = true;
  });
  Untar(tar);
  EXPECT_EQ(DescribeTree(target_).count("/d/key"), 0u);
}

TEST_F(TarRoundTripTest, AMissingTopIsAnError) {
  EXPECT_THAT(
      TarProducer::Open({.directory = dir_.Join("none")}, &interrupt_,
                        &problems_),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr(dir_.Join("none"))));
}

}  // namespace
}  // namespace cairn::client
