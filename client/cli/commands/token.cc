#include "client/cli/commands/token.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "client/cli/render/token.h"
#include "client/cli/span.h"
#include "client/posix/secret_file.h"
#include "common/model/names.h"
#include "common/model/uuid.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using maintenance::v1::Token;

struct Arguments {
  std::string name;
  std::string role;
  std::optional<std::string> scope;
  std::optional<std::string> expires_in;
  bool never_expires = false;
  std::string output;
  std::string id;
  bool active = false;
};

// DATASTORE, DATASTORE/NAMESPACE or a resource name, as a resource name.
absl::StatusOr<std::string> ParseScope(const std::string& text) {
  if (text.empty()) {
    return absl::InvalidArgumentError(
        "--scope is empty; leave it out for a token for everything");
  }
  if (absl::StartsWith(text, "datastores/")) {
    ASSIGN_OR_RETURN(const NamespaceName name, NamespaceName::Parse(text));
    return name.ToString();
  }
  const size_t slash = text.find('/');
  NamespaceName name;
  name.datastore = text.substr(0, slash);
  RETURN_IF_ERROR(WithContext(ValidateDatastoreId(name.datastore), "--scope"));
  if (slash != std::string::npos) {
    const std::string path = text.substr(slash + 1);
    if (path.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--scope is ", text,
                       ", allowed are DATASTORE, DATASTORE/NAMESPACE "
                       "and resource names"));
    }
    ASSIGN_OR_RETURN(name.path, NamespacePath::Parse(path));
  }
  return name.ToString();
}

absl::StatusOr<maintenance::v1::CreateTokenRequest> MakeRequest(
    const Arguments& arguments, CommandContext& context) {
  maintenance::v1::CreateTokenRequest request;
  request.set_request_id(Uuid::Random(context.random()).ToString());
  request.set_name(arguments.name);
  request.set_role(ParseTokenRole(arguments.role));
  if (arguments.scope.has_value()) {
    ASSIGN_OR_RETURN(*request.mutable_scope(), ParseScope(*arguments.scope));
  }
  request.set_never_expires(arguments.never_expires);
  if (arguments.expires_in.has_value()) {
    ASSIGN_OR_RETURN(const int64_t seconds,
                     ParseSpan(*arguments.expires_in, "--expires-in"));
    request.mutable_lifetime()->set_seconds(seconds);
  }
  return request;
}

// An error after which nobody knows whether there is a token.
absl::Status ExplainUnknown(const absl::Status& error,
                            const std::string& name) {
  if (!absl::IsUnavailable(error) && !absl::IsDeadlineExceeded(error)) {
    return error;
  }
  return WithContext(
      error, absl::StrCat("token ", name,
                          " may have been made, its text is lost then: if "
                          "`cairn token list` shows it, revoke it"));
}

absl::StatusOr<ExitCode> RunCreate(const Arguments& arguments,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(const auto request, MakeRequest(arguments, context));
  ASSIGN_OR_RETURN(TokenRemote* const remote, context.tokens());
  // Before the token: a text that cannot be written would be lost.
  std::optional<NewSecretFile> file;
  if (!arguments.output.empty()) {
    ASSIGN_OR_RETURN(NewSecretFile created,
                     NewSecretFile::Create(arguments.output));
    file.emplace(std::move(created));
  }
  const auto response = remote->CreateToken(request);
  if (!response.ok()) {
    return ExplainUnknown(response.status(), arguments.name);
  }
  if (file.has_value()) {
    RETURN_IF_ERROR(
        WithContext(file->Write(response->text()),
                    absl::StrCat("token ", response->token().id(),
                                 " was made and its text is lost: revoke it")));
  }
  if (context.json()) {
    context.out() << Print(
        {{"token", ToJson(response->token())},
         {"text", file.has_value() ? Json(nullptr) : Json(response->text())},
         {"file", TextOrNull(arguments.output)}});
    return kExitOk;
  }
  std::ostream& notes = *context.console().err;
  PrintToken(response->token(), notes);
  if (file.has_value()) {
    context.out() << Printable(arguments.output) << "\n";
    notes << "its text is in this file, and nowhere else\n";
  } else {
    context.out() << response->text() << "\n";
    notes << "this is the only time that its text is shown; put it into a "
             "file with mode 0600 and name that by --token-file\n";
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunList(const Arguments& arguments,
                                 CommandContext& context) {
  ASSIGN_OR_RETURN(TokenRemote* const remote, context.tokens());
  maintenance::v1::ListTokensRequest request;
  request.set_page_size(kPageSize);
  request.set_active_only(arguments.active);
  Json list = Json::array();
  Table table({{"NAME"},
               {"ROLE"},
               {"SCOPE"},
               {"STATE"},
               {"CREATED"},
               {"EXPIRES"},
               {"BY"},
               {"ID"}});
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& page_token) {
        request.set_page_token(page_token);
        return remote->ListTokens(request);
      },
      [&](const maintenance::v1::ListTokensResponse& page) {
        for (const Token& token : page.tokens()) {
          list.push_back(ToJson(token));
          table.AddRow({token.name(), TokenRoleName(token.role()),
                        token.scope().empty() ? "everything" : token.scope(),
                        TokenStateName(token.state()),
                        FormatTime(token.create_time()), ExpiryText(token),
                        token.created_by(), token.id()});
        }
      }));
  if (context.json()) {
    context.out() << Print({{"tokens", std::move(list)}});
  } else {
    table.Print(context.out(), "no tokens");
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunRevoke(const Arguments& arguments,
                                   CommandContext& context) {
  if (arguments.name.empty() == arguments.id.empty()) {
    return absl::InvalidArgumentError(
        "name the token by NAME or by --id, and not by both");
  }
  maintenance::v1::RevokeTokenRequest request;
  request.set_name(arguments.name);
  request.set_id(arguments.id);
  ASSIGN_OR_RETURN(TokenRemote* const remote, context.tokens());
  ASSIGN_OR_RETURN(const maintenance::v1::RevokeTokenResponse response,
                   remote->RevokeToken(request));
  const Token& token = response.token();
  if (context.json()) {
    context.out() << Print({{"token", ToJson(token)}});
  } else {
    context.out() << "revoked " << Printable(token.name()) << " ("
                  << Printable(token.id()) << ") at "
                  << FormatTime(token.revoke_time())
                  << "; every server refuses it within 5 seconds, calls that "
                     "have begun go on\n";
  }
  return kExitOk;
}

using Run = absl::StatusOr<ExitCode> (*)(const Arguments&, CommandContext&);

void SetRun(CLI::App* command, std::shared_ptr<Arguments> arguments, Run run,
            Action* chosen) {
  command->callback([arguments = std::move(arguments), run, chosen] {
    *chosen = [arguments, run](CommandContext& context) {
      return run(*arguments, context);
    };
  });
}

void AddCreate(CLI::App* parent, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* create = AddCommand(
      parent, "create",
      "Make a token and tell its text, this once: on stdout, or in a file that "
      "only you may read",
      "cairn token create web1 --role=backup --scope=default/servers "
      "--output=/etc/cairn/web1.token\n"
      "cairn token create nightly --role=operator --expires-in=365d\n"
      "cairn --token-file=/etc/cairn/web1.token backup host/web1 root.tar:/");
  create
      ->add_option("NAME", arguments->name,
                   "whom it is for, 1 to 64 of A-Z a-z 0-9 . _ -; groups that "
                   "it backs up belong to NAME@token, also to later tokens of "
                   "this name")
      ->required();
  create
      ->add_option("--role", arguments->role,
                   "reader: lists and restores. backup: backs up, reads what "
                   "is its own, deletes nothing. operator: all groups, forget, "
                   "prune, gc, verify, jobs. admin: everything, also tokens")
      ->check(CLI::IsMember({"reader", "backup", "operator", "admin"}))
      ->required();
  create
      ->add_option("--scope", arguments->scope,
                   "the only thing it is good for: DATASTORE or "
                   "DATASTORE/NAMESPACE, with all below (default: everything)")
      ->type_name("default/servers");
  CLI::Option* expires =
      create
          ->add_option("--expires-in", arguments->expires_in,
                       "from now on, at most 3653d (default: 90d)")
          ->type_name("SPAN");
  create
      ->add_flag("--never-expires", arguments->never_expires,
                 "good until it is revoked")
      ->excludes(expires);
  create
      ->add_option("--output", arguments->output,
                   "new file, mode 0600, for the text; nothing is printed then "
                   "but its name")
      ->type_name("FILE");
  SetRun(create, arguments, RunCreate, chosen);
}

}  // namespace

void AddTokenCommand(CLI::App* root, Action* chosen) {
  CLI::App* token = AddCommand(
      root, "token",
      "Make, list and revoke bearer tokens: credentials for machines without a "
      "certificate. For administrators",
      "cairn token create web1 --role=backup --output=web1.token\n"
      "cairn token list\n"
      "cairn token revoke web1");
  token->require_subcommand(1);
  AddCreate(token, chosen);
  auto list_arguments = std::make_shared<Arguments>();
  CLI::App* list = AddCommand(
      token, "list",
      "List the tokens, never their secrets; those that have ended stay listed "
      "for 30 days",
      "cairn token list --active");
  list->add_flag("--active", list_arguments->active,
                 "only those that are good now");
  SetRun(list, list_arguments, RunList, chosen);
  auto revoke_arguments = std::make_shared<Arguments>();
  CLI::App* revoke = AddCommand(
      token, "revoke",
      "Revoke a token for ever; again is the same. Its name can be given to "
      "another",
      "cairn token revoke web1\n"
      "cairn token revoke --id=AAECAwQFBgcICQoLDA0ODw");
  revoke->add_option("NAME", revoke_arguments->name, "of the active token");
  revoke
      ->add_option("--id", revoke_arguments->id,
                   "of the token, as `cairn token list` shows it")
      ->type_name("ID");
  SetRun(revoke, revoke_arguments, RunRevoke, chosen);
}

}  // namespace cairn::client
