#include "common/token/token_text.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

Uuid CountedId() {
  Uuid id;
  for (size_t i = 0; i < id.bytes.size(); ++i) {
    id.bytes[i] = static_cast<uint8_t>(i);
  }
  return id;
}

std::string CountedSecret() {
  std::string secret;
  for (size_t i = 0; i < kTokenSecretBytes; ++i) {
    secret.push_back(static_cast<char>(0xFF - i));
  }
  return secret;
}

// Literally: tokens that were given away must stay good.
TEST(TokenTextTest, IsWrittenThisWay) {
  const std::string text = FormatTokenText(CountedId(), CountedSecret());
  EXPECT_EQ(text,
            "cairn_AAECAwQFBgcICQoLDA0ODw_"
            "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA");
  EXPECT_EQ(text.size(), kTokenTextChars);
  const auto proof = ParseTokenText(text);
  ASSERT_TRUE(proof.has_value());
  EXPECT_EQ(proof->id, CountedId());
  EXPECT_EQ(proof->secret_hash, Sha256(CountedSecret()));
  EXPECT_EQ(FormatTokenId(CountedId()), "AAECAwQFBgcICQoLDA0ODw");
  EXPECT_EQ(ParseTokenId("AAECAwQFBgcICQoLDA0ODw"), CountedId());
}

TEST(TokenTextTest, WhatIsWrittenIsReadBack) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = Uuid::Random(random);
    std::string secret(kTokenSecretBytes, '\0');
    for (char& byte : secret) byte = static_cast<char>(random());
    const auto proof = ParseTokenText(FormatTokenText(id, secret));
    ASSERT_TRUE(proof.has_value());
    EXPECT_EQ(proof->id, id);
    EXPECT_EQ(proof->secret_hash, HashTokenSecret(secret));
  }
}

TEST(TokenTextTest, NothingElseIsAToken) {
  const std::string good = FormatTokenText(CountedId(), CountedSecret());
  for (const std::string& text : std::vector<std::string>{
           "", "cairn_", "x", std::string(72, '_'), std::string(100000, 'A'),
           good + "A", good + "=", good + "\n", " " + good, good.substr(0, 71),
           "CAIRN_" + good.substr(6),
           // The separator, and characters of no alphabet.
           good.substr(0, 28) + "A" + good.substr(29),
           good.substr(0, 40) + "+" + good.substr(41),
           good.substr(0, 40) + " " + good.substr(41), good.substr(0, 71) + "=",
           good.substr(0, 40) + std::string(1, '\0') + good.substr(41),
           // Bits beyond the last byte.
           good.substr(0, 27) + "x" + good.substr(28),
           good.substr(0, 71) + "B"}) {
    EXPECT_FALSE(ParseTokenText(text).has_value()) << text.substr(0, 80);
  }
  EXPECT_FALSE(ParseTokenId("AAECAwQFBgcICQoLDA0ODx").has_value());
  EXPECT_FALSE(ParseTokenId("").has_value());
}

TEST(TokenTextTest, AnyBytesAreReadWithoutHarm) {
  std::mt19937_64 random(TestSeed());
  const std::string good = FormatTokenText(CountedId(), CountedSecret());
  for (int i = 0; i < 20000; ++i) {
    std::string text = good;
    for (int changes = 0; changes < 3; ++changes) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    const auto proof = ParseTokenText(text);
    // What is read has one written form.
    if (proof.has_value()) {
      EXPECT_EQ(FormatTokenId(proof->id), text.substr(6, kTokenIdChars));
    }
  }
}

}  // namespace
}  // namespace cairn
