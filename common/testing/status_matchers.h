#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/status/reason.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Matchers for absl::Status and absl::StatusOr<T>. Stand-ins for
// absl/status/status_matchers.h of newer Abseil releases.
//
//   EXPECT_OK(store.Put(...));
//   ASSERT_OK_AND_ASSIGN(const Digest digest, Digest::FromHex(hex));
//   EXPECT_THAT(Parse("x"), StatusIs(absl::StatusCode::kInvalidArgument,
//                                    HasSubstr("x")));
//   EXPECT_THAT(Parse("7"), IsOkAndHolds(7));
//   EXPECT_THAT(status, HasReasonCode(reason::kStorageFull));
namespace cairn {
namespace testing_internal {

inline const absl::Status& GetStatus(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

class IsOkMatcher {
 public:
  template <typename T>
  bool MatchAndExplain(const T& actual,
                       ::testing::MatchResultListener* listener) const {
    const absl::Status& status = GetStatus(actual);
    if (!status.ok()) *listener << "which is " << status;
    return status.ok();
  }
  void DescribeTo(std::ostream* out) const { *out << "is OK"; }
  void DescribeNegationTo(std::ostream* out) const { *out << "is not OK"; }
};

class StatusIsMatcher {
 public:
  StatusIsMatcher(absl::StatusCode code,
                  ::testing::Matcher<const std::string&> text)
      : code_(code), text_(std::move(text)) {}

  template <typename T>
  bool MatchAndExplain(const T& actual,
                       ::testing::MatchResultListener* listener) const {
    const absl::Status& status = GetStatus(actual);
    *listener << "which is " << status;
    return status.code() == code_ &&
           text_.Matches(std::string(status.message()));
  }
  void DescribeTo(std::ostream* out) const {
    *out << "is " << absl::StatusCodeToString(code_) << " with a text that ";
    text_.DescribeTo(out);
  }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "is not " << absl::StatusCodeToString(code_)
         << ", or has no text that ";
    text_.DescribeTo(out);
  }

 private:
  absl::StatusCode code_;
  ::testing::Matcher<const std::string&> text_;
};

class HasReasonCodeMatcher {
 public:
  explicit HasReasonCodeMatcher(std::string code) : code_(std::move(code)) {}

  template <typename T>
  bool MatchAndExplain(const T& actual,
                       ::testing::MatchResultListener* listener) const {
    const absl::Status& status = GetStatus(actual);
    const std::optional<Reason> reason = ReasonOf(status);
    *listener << "which is " << status << " with "
              << (reason.has_value() ? "reason " + reason->code
                                     : std::string("no reason"));
    return reason.has_value() && reason->code == code_;
  }
  void DescribeTo(std::ostream* out) const { *out << "has reason " << code_; }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "does not have reason " << code_;
  }

 private:
  std::string code_;
};

template <typename Inner>
class IsOkAndHoldsMatcher {
 public:
  explicit IsOkAndHoldsMatcher(Inner inner) : inner_(std::move(inner)) {}

  template <typename T>
  operator ::testing::Matcher<T>() const {  // NOLINT: implicit as in gmock
    return ::testing::Matcher<T>(new Impl<T>(inner_));
  }

 private:
  template <typename T>
  class Impl : public ::testing::MatcherInterface<T> {
   public:
    using Value = typename std::decay_t<T>::value_type;
    explicit Impl(const Inner& inner)
        : inner_(::testing::SafeMatcherCast<const Value&>(inner)) {}
    bool MatchAndExplain(
        T actual, ::testing::MatchResultListener* listener) const override {
      if (!actual.ok()) {
        *listener << "which is " << actual.status();
        return false;
      }
      return inner_.MatchAndExplain(*actual, listener);
    }
    void DescribeTo(std::ostream* out) const override {
      *out << "is OK and holds a value that ";
      inner_.DescribeTo(out);
    }
    void DescribeNegationTo(std::ostream* out) const override {
      *out << "is not OK, or holds a value that ";
      inner_.DescribeNegationTo(out);
    }

   private:
    ::testing::Matcher<const Value&> inner_;
  };

  Inner inner_;
};

}  // namespace testing_internal

inline auto IsOk() {
  return ::testing::MakePolymorphicMatcher(testing_internal::IsOkMatcher());
}

// `text`: a matcher of the message, or the whole message.
inline auto StatusIs(absl::StatusCode code,
                     ::testing::Matcher<const std::string&> text) {
  return ::testing::MakePolymorphicMatcher(
      testing_internal::StatusIsMatcher(code, std::move(text)));
}
inline auto StatusIs(absl::StatusCode code) {
  return StatusIs(code, ::testing::A<const std::string&>());
}

inline auto HasReasonCode(std::string code) {
  return ::testing::MakePolymorphicMatcher(
      testing_internal::HasReasonCodeMatcher(std::move(code)));
}

// For absl::StatusOr<T>; `inner` is a value or a matcher of T.
template <typename Inner>
auto IsOkAndHolds(Inner inner) {
  return testing_internal::IsOkAndHoldsMatcher<Inner>(std::move(inner));
}

}  // namespace cairn

#define EXPECT_OK(expr) EXPECT_THAT((expr), ::cairn::IsOk())
#define ASSERT_OK(expr) ASSERT_THAT((expr), ::cairn::IsOk())

#define CAIRN_TEST_CONCAT_INNER_(a, b) a##b
#define CAIRN_TEST_CONCAT_(a, b) CAIRN_TEST_CONCAT_INNER_(a, b)
#define ASSERT_OK_AND_ASSIGN(lhs, expr)                                    \
  CAIRN_ASSERT_OK_AND_ASSIGN_(CAIRN_TEST_CONCAT_(cairn_assert_, __LINE__), \
                              lhs, expr)
#define CAIRN_ASSERT_OK_AND_ASSIGN_(name, lhs, expr) \
  auto name = (expr);                                \
  ASSERT_THAT(name, ::cairn::IsOk());                \
  lhs = std::move(name).value()
