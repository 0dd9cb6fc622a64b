#include "common/rpc/server_identity.h"

#include <vector>

#include "gtest/gtest.h"

namespace cairn {
namespace {

ServerIdentity Identify(const std::vector<std::string_view>& uris,
                        std::string_view service = "index") {
  return IdentityOf(uris, service);
}

TEST(ServerIdentityTest, TheUriSaysWhichServiceItIs) {
  EXPECT_EQ(Identify({"spiffe://cairn/service/index"}),
            ServerIdentity::kService);
  EXPECT_EQ(Identify({"https://x", "spiffe://cairn/service/index"}),
            ServerIdentity::kService);
  for (const char* uri :
       {"spiffe://cairn/service/ingest", "spiffe://cairn/service/index2",
        "spiffe://cairn/service/index/", "spiffe://cairn/service/",
        "spiffe://cairn/admin/index", "spiffe://other/service/index",
        "SPIFFE://cairn/service/index", "spiffe://cairn/service/Index"}) {
    EXPECT_EQ(Identify({uri}), ServerIdentity::kAnother) << uri;
  }
  EXPECT_EQ(Identify({"spiffe://cairn/service/"}, ""),
            ServerIdentity::kAnother);
}

TEST(ServerIdentityTest, OtherNamesSayNothing) {
  EXPECT_EQ(Identify({}), ServerIdentity::kUnsaid);
  EXPECT_EQ(Identify({"", "https://index", "index"}), ServerIdentity::kUnsaid);
}

}  // namespace
}  // namespace cairn
