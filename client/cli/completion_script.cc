#include "client/cli/completion_script.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace cairn::client {
namespace {

struct Subcommand {
  std::string name;
  std::string description;
};

// One command of the tree: "" is the program itself, then "snapshot list".
struct Node {
  std::string path;
  std::vector<Subcommand> subcommands;
  std::vector<std::string> options;
};

void AppendOptions(const CLI::App& app, std::vector<std::string>* options) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      options->push_back("--" + name);
    }
  }
}

void Collect(const CLI::App& app, const CLI::App& root, const std::string& path,
             std::vector<Node>* nodes) {
  Node node = {.path = path};
  AppendOptions(app, &node.options);
  // The program's own options may follow each command.
  if (&app != &root) {
    for (const CLI::Option* option : root.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        if (name != "help") node.options.push_back("--" + name);
      }
    }
  }
  const auto all = [](const CLI::App*) { return true; };
  for (const CLI::App* child : app.get_subcommands(all)) {
    node.subcommands.push_back({child->get_name(), child->get_description()});
  }
  nodes->push_back(node);
  for (const CLI::App* child : app.get_subcommands(all)) {
    Collect(*child, root,
            path.empty() ? child->get_name()
                         : absl::StrCat(path, " ", child->get_name()),
            nodes);
  }
}

std::vector<Node> Nodes(const CLI::App& root) {
  std::vector<Node> nodes;
  Collect(root, root, "", &nodes);
  return nodes;
}

// For single quotes of a shell.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// Which paths have a command of that name below: patterns of a case.
std::string KnownPaths(const std::vector<Node>& nodes) {
  std::vector<std::string> paths;
  for (const Node& node : nodes) {
    if (!node.path.empty()) paths.push_back(Quoted(node.path));
  }
  return absl::StrJoin(paths, "|");
}

}  // namespace

std::string BashCompletion(const CLI::App& root) {
  const std::vector<Node> nodes = Nodes(root);
  std::string script = absl::StrCat(
      "# bash completion of cairn; made by: cairn completion bash\n"
      "_cairn() {\n"
      "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" next i\n"
      "  local commands=\"\" options=\"\"\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    next=\"${path:+$path }${COMP_WORDS[i]}\"\n"
      "    case \"$next\" in\n"
      "      ",
      KnownPaths(nodes), ") path=\"$next\" ;;\n    esac\n  done\n",
      "  case \"$path\" in\n");
  for (const Node& node : nodes) {
    std::vector<std::string> names;
    for (const Subcommand& child : node.subcommands)
      names.push_back(child.name);
    absl::StrAppend(&script, "    ", Quoted(node.path),
                    ")\n      commands=", Quoted(absl::StrJoin(names, " ")),
                    "\n      options=",
                    Quoted(absl::StrJoin(node.options, " ")), "\n      ;;\n");
  }
  absl::StrAppend(
      &script,
      "  esac\n"
      "  COMPREPLY=()\n"
      "  if [[ \"$cur\" == -* ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
      "  elif [[ -n \"$commands\" ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\")\n"
      "  fi\n"
      "}\n"
      "complete -o default -F _cairn cairn\n");
  return script;
}

std::string ZshCompletion(const CLI::App& root) {
  const std::vector<Node> nodes = Nodes(root);
  std::string script = absl::StrCat(
      "#compdef cairn\n"
      "# zsh completion of cairn; made by: cairn completion zsh\n"
      "_cairn() {\n"
      "  local command_path=\"\" next i\n"
      "  local -a commands options\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    next=\"${command_path:+$command_path }${words[i]}\"\n"
      "    case \"$next\" in\n"
      "      (",
      KnownPaths(nodes), ") command_path=\"$next\" ;;\n    esac\n  done\n",
      "  case \"$command_path\" in\n");
  for (const Node& node : nodes) {
    absl::StrAppend(&script, "    (", Quoted(node.path), ")\n      commands=(");
    for (const Subcommand& child : node.subcommands) {
      absl::StrAppend(
          &script, "\n        ",
          Quoted(absl::StrCat(
              child.name, ":",
              absl::StrReplaceAll(child.description, {{":", "\\:"}}))));
    }
    absl::StrAppend(&script, ")\n      options=(",
                    absl::StrJoin(node.options, " "), ")\n      ;;\n");
  }
  absl::StrAppend(&script,
                  "  esac\n"
                  "  if [[ \"${words[CURRENT]}\" == -* ]]; then\n"
                  "    compadd -- $options\n"
                  "  elif (( $#commands )); then\n"
                  "    _describe command commands\n"
                  "  else\n"
                  "    _files\n"
                  "  fi\n"
                  "}\n"
                  "if [[ \"${funcstack[1]}\" == _cairn ]]; then\n"
                  "  _cairn \"$@\"\n"
                  "elif (( $+functions[compdef] )); then\n"
                  "  compdef _cairn cairn\n"
                  "fi\n");
  return script;
}

}  // namespace cairn::client
