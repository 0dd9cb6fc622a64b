#include "common/rpc/scope_rule.h"

#include <google/protobuf/descriptor.pb.h>

#include <string>

#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::google::protobuf::FileDescriptorProto;
using ::testing::HasSubstr;

constexpr char kScope[] = "datastores/main/namespaces/web";
constexpr char kInside[] = "datastores/main/namespaces/web/groups/host/a";
constexpr char kOutside[] = "datastores/main/groups/host/a";

// A message of the library stands for a request: it has a string, repeated
// strings, and a message with strings.
FileDescriptorProto Request(const std::string& name) {
  FileDescriptorProto request;
  request.set_name(name);
  return request;
}

TEST(ScopeRuleTest, CallersWithoutScopeMayNameAnything) {
  const FileDescriptorProto request = Request(kOutside);
  EXPECT_OK(CheckScope(Within({"name"}), "", &request));
  EXPECT_OK(CheckScope(InDatastore({"name"}), "", &request));
  EXPECT_OK(CheckScope(ScopeRule(), "", nullptr));
}

TEST(ScopeRuleTest, RefusesWhatHasNoRuleOrNoRequest) {
  const FileDescriptorProto request = Request(kInside);
  EXPECT_THAT(CheckScope(ScopeRule(), kScope, &request),
              HasReasonCode(reason::kOutOfScope));
  EXPECT_THAT(CheckScope(Within({"name"}), kScope, nullptr),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_OK(CheckScope(Anything(), kScope, nullptr));
}

TEST(ScopeRuleTest, EachNameMustLieInTheScope) {
  const ScopeRule rule = Within({"name", "dependency", "options.java_package"});
  FileDescriptorProto request = Request(kInside);
  EXPECT_OK(CheckScope(rule, kScope, &request));
  request.add_dependency(kInside);
  request.add_dependency(kScope);
  EXPECT_OK(CheckScope(rule, kScope, &request));
  request.mutable_options()->set_java_package(kInside);
  EXPECT_OK(CheckScope(rule, kScope, &request));
  for (FileDescriptorProto wrong : {request, request, request}) {
    static int which = 0;
    if (which == 0) wrong.set_name(kOutside);
    if (which == 1) wrong.add_dependency(kOutside);
    if (which == 2) wrong.mutable_options()->set_java_package(kOutside);
    ++which;
    EXPECT_THAT(
        CheckScope(rule, kScope, &wrong),
        StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(kOutside)));
  }
}

TEST(ScopeRuleTest, AnEmptyNameIsEverythingAndSoOutside) {
  const FileDescriptorProto request;
  EXPECT_FALSE(CheckScope(Within({"name"}), kScope, &request).ok());
  EXPECT_FALSE(CheckScope(InDatastore({"name"}), kScope, &request).ok());
}

TEST(ScopeRuleTest, ARequestThatNamesNothingIsRefused) {
  const FileDescriptorProto request;
  for (const char* path : {"dependency", "options.java_package"}) {
    EXPECT_THAT(CheckScope(Within({path}), kScope, &request),
                HasReasonCode(reason::kOutOfScope))
        << path;
  }
}

TEST(ScopeRuleTest, ObjectsOfTheDatastoreAreLeftToTheHandler) {
  const ScopeRule rule = InDatastore({"name"}, {"dependency"});
  FileDescriptorProto request = Request("datastores/main/sessions/1");
  request.add_dependency(kInside);
  EXPECT_OK(CheckScope(rule, kScope, &request));
  EXPECT_OK(CheckScope(rule, "datastores/main", &request));
  EXPECT_FALSE(CheckScope(rule, "datastores/mai", &request).ok());
  EXPECT_FALSE(CheckScope(rule, "datastores/other", &request).ok());
  // No scope that anybody should have: it holds nothing.
  EXPECT_FALSE(CheckScope(rule, "x", &request).ok());
  EXPECT_FALSE(CheckScope(rule, "datastores/", &request).ok());
  request.set_name("datastores/other/sessions/1");
  EXPECT_FALSE(CheckScope(rule, kScope, &request).ok());
  request.set_name("datastores/main/sessions/1");
  request.add_dependency(kOutside);
  EXPECT_FALSE(CheckScope(rule, kScope, &request).ok());
}

TEST(ScopeRuleTest, ShowsOfALongNameItsBeginning) {
  const FileDescriptorProto request = Request(std::string(1 << 20, 'x'));
  EXPECT_LT(CheckScope(Within({"name"}), kScope, &request).message().size(),
            1000u);
}

TEST(ScopeRuleTest, PathsMustFitTheRequest) {
  const auto& request = *FileDescriptorProto::descriptor();
  EXPECT_OK(CheckPaths(Within({"name", "dependency", "options.java_package"}),
                       request));
  EXPECT_OK(CheckPaths(ScopeRule(), request));
  EXPECT_OK(CheckPaths(Anything(), request));
  for (const char* path :
       {"", "nam", "name.x", "options", "options.", ".name", "message_type",
        "message_type.name", "public_dependency", "options.java_package.x"}) {
    EXPECT_THAT(CheckPaths(Within({path}), request),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << path;
    EXPECT_FALSE(CheckPaths(InDatastore({path}), request).ok()) << path;
  }
  EXPECT_FALSE(CheckPaths(Within({}), request).ok());
}

}  // namespace
}  // namespace cairn
