#include "services/maintenance/engine/token_book.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "common/token/token_reasons.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/token_suite.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;
constexpr absl::Duration kDay = absl::Hours(24);

class TokenBookTest : public ::testing::Test {
 protected:
  TokenBookTest() { EXPECT_OK(suite_.Start()); }

  TokenBook& book() { return *suite_.book; }
  CreatedToken Create(const std::string& name) {
    auto created = book().Create(suite_.call, suite_.Request(name));
    EXPECT_OK(created);
    return created.ok() ? *created : CreatedToken();
  }
  absl::StatusOr<TokenView> Revoke(const std::string& name) {
    return book().Revoke(suite_.call, {.name = name});
  }
  std::vector<std::string> Names(bool active_only, uint32_t page_size = 0) {
    std::vector<std::string> names;
    PageRequest request{.page_size = page_size};
    do {
      const auto page = book().List(suite_.call, active_only, request);
      EXPECT_OK(page);
      if (!page.ok()) return names;
      for (const TokenView& view : page->items) {
        names.push_back(
            absl::StrCat(view.token.name, " ", TokenStateName(view.state)));
      }
      request.page_token = page->next_page_token;
    } while (!request.page_token.empty());
    return names;
  }

  TokenSuite suite_;
};

TEST_F(TokenBookTest, ATokenIsKnownAtOnceAndAfterARestart) {
  TokenRequest request = suite_.Request("web1");
  request.scope = "datastores/main";
  ASSERT_OK_AND_ASSIGN(const CreatedToken created,
                       book().Create(suite_.call, request));
  EXPECT_EQ(created.view.state, TokenState::kActive);
  EXPECT_EQ(created.view.token.expire_time, suite_.clock.Now() + 90 * kDay);
  for (int life = 0; life < 2; ++life) {
    ASSERT_OK_AND_ASSIGN(const Caller caller, book().Find(created.text));
    EXPECT_EQ(caller.kind, CallerKind::kToken);
    EXPECT_EQ(caller.role, CallerRole::kBackup);
    EXPECT_EQ(caller.principal, "web1@token");
    EXPECT_EQ(caller.scope, "datastores/main");
    ASSERT_OK(suite_.Start());
  }
}

TEST_F(TokenBookTest, KeepsNoSecret) {
  const CreatedToken created = Create("web1");
  const std::string secret = created.text.substr(29);
  const std::string bytes = suite_.last_secret;
  ASSERT_EQ(bytes.size(), kTokenSecretBytes);
  const auto view = suite_.kv.NewView();
  const auto row = view->Scan(0, "", "");
  ASSERT_TRUE(row->Valid());
  EXPECT_THAT(std::string(row->value()), Not(HasSubstr(bytes)));
  EXPECT_THAT(std::string(row->value()), Not(HasSubstr(secret)));
}

TEST_F(TokenBookTest, WhatIsNoTokenIsNobody) {
  const CreatedToken created = Create("web1");
  std::string wrong = created.text;
  wrong[40] = wrong[40] == 'A' ? 'B' : 'A';
  for (const std::string& text :
       {wrong, std::string(), std::string("cairn_"), created.text + "x",
        std::string(1 << 20, 'x')}) {
    EXPECT_THAT(book().Find(text), StatusIs(kUnauthenticated));
  }
}

TEST_F(TokenBookTest, ExpiresByTheClock) {
  TokenRequest request = suite_.Request("web1");
  request.lifetime = absl::Hours(1);
  ASSERT_OK_AND_ASSIGN(const CreatedToken created,
                       book().Create(suite_.call, request));
  suite_.clock.Advance(absl::Hours(1) - absl::Nanoseconds(1));
  EXPECT_OK(book().Find(created.text));
  EXPECT_EQ(book().Count(TokenState::kActive), 1u);
  suite_.clock.Advance(absl::Nanoseconds(1));
  EXPECT_THAT(book().Find(created.text), StatusIs(kUnauthenticated));
  EXPECT_THAT(Names(false), ElementsAre("web1 expired"));
  EXPECT_EQ(book().Count(TokenState::kActive), 0u);
  EXPECT_EQ(book().Count(TokenState::kExpired), 1u);
  // Its name is free again, and stays that of the same principal.
  const CreatedToken next = Create("web1");
  EXPECT_EQ(book().Find(next.text)->principal, "web1@token");
  ASSERT_OK(Revoke("web1"));
  EXPECT_THAT(Names(false), ElementsAre("web1 revoked", "web1 expired"));
}

TEST_F(TokenBookTest, OneThatNeverExpiresDoesNot) {
  TokenRequest request = suite_.Request("web1");
  request.lifetime = absl::InfiniteDuration();
  ASSERT_OK_AND_ASSIGN(const CreatedToken created,
                       book().Create(suite_.call, request));
  suite_.clock.Advance(1000 * 365 * kDay);
  ASSERT_OK(suite_.Start());
  EXPECT_OK(book().Find(created.text));
}

TEST_F(TokenBookTest, ARevokedTokenStaysRevoked) {
  const CreatedToken created = Create("web1");
  const CreatedToken other = Create("web2");
  ASSERT_OK_AND_ASSIGN(const TokenView revoked, Revoke("web1"));
  EXPECT_EQ(revoked.state, TokenState::kRevoked);
  EXPECT_EQ(revoked.token.revoke_time, suite_.clock.Now());
  for (int life = 0; life < 2; ++life) {
    EXPECT_THAT(book().Find(created.text), StatusIs(kUnauthenticated));
    EXPECT_OK(book().Find(other.text));
    ASSERT_OK(suite_.Start());
  }
  // Again is the same, by name and by id.
  const uint64_t commits = suite_.kv.commit_count();
  suite_.clock.Advance(absl::Hours(1));
  for (const TokenSelector& selector :
       {TokenSelector{.name = "web1"},
        TokenSelector{.id = created.view.token.id}}) {
    EXPECT_EQ(book().Revoke(suite_.call, selector)->token.revoke_time,
              revoked.token.revoke_time);
  }
  EXPECT_EQ(suite_.kv.commit_count(), commits);
  EXPECT_THAT(Revoke("web3"), HasReasonCode(reason::kTokenUnknown));
  EXPECT_THAT(book().Revoke(suite_.call, {.id = Uuid()}),
              HasReasonCode(reason::kTokenUnknown));
}

TEST_F(TokenBookTest, ANameMeansTheActiveToken) {
  const CreatedToken first = Create("web1");
  ASSERT_OK(Revoke("web1"));
  suite_.clock.Advance(absl::Seconds(1));
  const CreatedToken second = Create("web1");
  EXPECT_THAT(book().Find(first.text), StatusIs(kUnauthenticated));
  EXPECT_OK(book().Find(second.text));
  // The id of the first means the first.
  ASSERT_OK(book().Revoke(suite_.call, {.id = first.view.token.id}));
  EXPECT_OK(book().Find(second.text));
  ASSERT_OK_AND_ASSIGN(const TokenView revoked, Revoke("web1"));
  EXPECT_EQ(revoked.token.id, second.view.token.id);
  EXPECT_THAT(book().Find(second.text), StatusIs(kUnauthenticated));
}

TEST_F(TokenBookTest, ARepeatedRequestMakesNoSecondToken) {
  const TokenRequest request = suite_.Request("web1");
  ASSERT_OK_AND_ASSIGN(const CreatedToken created,
                       book().Create(suite_.call, request));
  const auto again = book().Create(suite_.call, request);
  EXPECT_THAT(again, HasReasonCode(reason::kTokenExists));
  EXPECT_THAT(again, StatusIs(absl::StatusCode::kAlreadyExists,
                              HasSubstr(FormatTokenId(created.view.token.id))));
  // Another one of the same name neither.
  EXPECT_THAT(book().Create(suite_.call, suite_.Request("web1")),
              HasReasonCode(reason::kTokenExists));
  // Also when the first has ended: its answer may be on its way still.
  ASSERT_OK(Revoke("web1"));
  EXPECT_THAT(book().Create(suite_.call, request),
              HasReasonCode(reason::kTokenExists));
  EXPECT_OK(book().Create(suite_.call, suite_.Request("web1")));
  EXPECT_EQ(book().Count(TokenState::kActive), 1u);
}

TEST_F(TokenBookTest, OnlyWhoHasNoScopeMayAsk) {
  Create("web1");
  suite_.call.caller.scope = "datastores/main";
  constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
  EXPECT_THAT(book().Create(suite_.call, suite_.Request("web2")),
              StatusIs(kDenied));
  EXPECT_THAT(Revoke("web1"), StatusIs(kDenied));
  EXPECT_THAT(book().List(suite_.call, false, {}), StatusIs(kDenied));
}

TEST_F(TokenBookTest, ActiveTokensAreBounded) {
  suite_.options.max_active = 2;
  ASSERT_OK(suite_.Start());
  Create("web1");
  Create("web2");
  EXPECT_THAT(book().Create(suite_.call, suite_.Request("web3")),
              HasReasonCode(reason::kLimitExceeded));
  ASSERT_OK(Revoke("web1"));
  EXPECT_OK(book().Create(suite_.call, suite_.Request("web3")));
}

TEST_F(TokenBookTest, WhatHasEndedIsListedForATime) {
  suite_.options.retention = {.max_ended = 2, .max_age = 30 * kDay};
  ASSERT_OK(suite_.Start());
  Create("active");
  for (const char* name : {"a", "b", "c"}) {
    suite_.clock.Advance(absl::Seconds(1));
    Create(name);
    ASSERT_OK(Revoke(name));
  }
  EXPECT_THAT(Names(false),
              ElementsAre("c revoked", "b revoked", "active active"));
  EXPECT_THAT(Names(true), ElementsAre("active active"));
  suite_.clock.Advance(31 * kDay);
  const CreatedToken later = Create("later");
  EXPECT_THAT(Names(false), ElementsAre("later active", "active active"));
  ASSERT_OK(suite_.Start());
  EXPECT_THAT(Names(false), ElementsAre("later active", "active active"));
}

TEST_F(TokenBookTest, ListsPageByPageNewestFirst) {
  // Two of the same instant among them.
  for (const int i : {1, 2, 3, 4}) {
    Create(absl::StrCat("web", i));
    if (i != 2) suite_.clock.Advance(absl::Seconds(1));
  }
  const std::vector<std::string> all = Names(false);
  EXPECT_EQ(all.size(), 4u);
  EXPECT_EQ(all.front(), "web4 active");
  EXPECT_EQ(all.back(), "web1 active");
  for (const uint32_t size : {1u, 2u, 3u}) EXPECT_EQ(Names(false, size), all);
  EXPECT_THAT(book().List(suite_.call, false, {.page_token = "x"}),
              HasReasonCode(reason::kPageTokenInvalid));
}

TEST_F(TokenBookTest, OthersReadWhatIsNotRevokedAndOnlyIfItIsNew) {
  const auto read = [&](const std::string& known) {
    return book().Read(known, "").value().copy;
  };
  TokenCopy copy = read("");
  EXPECT_FALSE(copy.unchanged);
  EXPECT_THAT(copy.entries, IsEmpty());
  EXPECT_TRUE(read(copy.version).unchanged);
  const CreatedToken created = Create("web1");
  Create("web2");
  ASSERT_OK(Revoke("web2"));
  copy = read(copy.version);
  EXPECT_FALSE(copy.unchanged);
  EXPECT_THAT(copy.entries, ElementsAre(ToEntry(created.view.token)));
  EXPECT_LE(copy.version.size(), 64u);
  EXPECT_TRUE(read(copy.version).unchanged);
  // A restart knows nothing of the versions before.
  ASSERT_OK(suite_.Start());
  EXPECT_FALSE(read(copy.version).unchanged);
  EXPECT_EQ(read(copy.version).entries.size(), 1u);
}

TEST_F(TokenBookTest, PagesOfAReadAreOfOneMoment) {
  suite_.options.entries_per_page = 2;
  ASSERT_OK(suite_.Start());
  for (const int i : {1, 2, 3, 4, 5}) Create(absl::StrCat("web", i));
  std::set<std::string> names;
  std::string page_token;
  int pages = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const TokenPage page, book().Read("", page_token));
    for (const TokenEntry& entry : page.copy.entries) names.insert(entry.name);
    page_token = page.next_page_token;
    ++pages;
  } while (!page_token.empty());
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(names.size(), 5u);
  page_token = book().Read("", "")->next_page_token;
  ASSERT_OK(Revoke("web5"));
  for (const std::string& stale : std::vector<std::string>{
           page_token, "x", book().Read("", "")->copy.version + "/99",
           book().Read("", "")->copy.version + "/-1"}) {
    EXPECT_THAT(book().Read("", stale), StatusIs(absl::StatusCode::kAborted));
  }
}

TEST_F(TokenBookTest, WhatCannotBeWrittenIsNotChanged) {
  const CreatedToken created = Create("web1");
  suite_.kv.FailCommitsFrom(1, WithReason(absl::ResourceExhaustedError("full"),
                                          reason::kStorageFull));
  EXPECT_THAT(book().Create(suite_.call, suite_.Request("web2")),
              HasReasonCode(reason::kStorageFull));
  EXPECT_FALSE(Revoke("web1").ok());
  EXPECT_OK(book().Find(created.text));
  EXPECT_THAT(Names(false), ElementsAre("web1 active"));
  suite_.kv.Recover();
  EXPECT_OK(Revoke("web1"));
}

TEST_F(TokenBookTest, WithoutRandomBytesThereIsNoToken) {
  suite_.secrets_fail = true;
  EXPECT_THAT(book().Create(suite_.call, suite_.Request("web1")),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(Names(false), IsEmpty());
}

}  // namespace
}  // namespace cairn::maintenance
