// What library_prelude.h is to the files of this tree, to those of its tests.
#ifndef CAIRN_COMMON_BAZEL_TEST_PRELUDE_H_
#define CAIRN_COMMON_BAZEL_TEST_PRELUDE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "absl/random/distributions.h"
#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "common/bazel/library_prelude.h"

#endif  // CAIRN_COMMON_BAZEL_TEST_PRELUDE_H_
