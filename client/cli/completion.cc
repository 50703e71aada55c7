#include "client/cli/completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/flags.h"

namespace vade::cli {
namespace {

// Around the cases that the commands give: finds the command's words and the
// flag before the cursor, which may be written --flag=value.
constexpr char kHead[] = R"bash(# Bash completion of vadectl. Load it with
#   source <(vadectl completion bash)
_vadectl_runs() {
  vadectl list runs --output=json --timeout=1s 2>/dev/null |
    sed -n 's|^ *"name": *"runs/\([^"]*\)".*|\1|p'
}

_vadectl() {
  local current previous word
  local -a path=() arguments=()
  local index
  current=${COMP_WORDS[COMP_CWORD]}
  previous=${COMP_WORDS[COMP_CWORD-1]}
  # Bash makes words of their own of --flag, = and value.
  if [[ $current == "=" ]]; then
    current=
  elif [[ $previous == "=" && COMP_CWORD -ge 2 ]]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  local skip=
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    if [[ $word == "=" ]]; then skip=1; continue; fi
    if [[ -n $skip ]]; then skip=; continue; fi
    case $word in
      --*)
        if [[ $word =~ ^($VADECTL_VALUE_FLAGS)$ &&
              ${COMP_WORDS[index+1]} != "=" ]]; then
          skip=1
        fi ;;
      *)
        if ((${#path[@]} < 2)); then
          path+=("$word")
        else
          arguments+=("$word")
        fi ;;
    esac
  done
  COMPREPLY=()
)bash";

constexpr char kTail[] = R"(
complete -F _vadectl vadectl
)";

bool TakesValue(const CLI::Option& option) {
  return option.get_type_size() != 0;
}

// "--label --output": the flags of one command.
std::vector<std::string> FlagNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

void CollectValueFlags(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    if (!TakesValue(*option)) continue;
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  for (const CLI::App* sub : app.get_subcommands({})) {
    CollectValueFlags(*sub, names);
  }
}

std::string Reply(const std::string& words) {
  return absl::StrCat("COMPREPLY=($(compgen -W \"", words,
                      "\" -- \"$current\"))");
}

// Cases "path:flag" for flags that take one of a few words. `path` is a
// pattern.
void AppendChoices(const CLI::App& app, const std::string& path,
                   std::string& script) {
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string> choices = ChoicesOf(*option);
    if (choices.empty() || option->get_lnames().empty()) continue;
    absl::StrAppend(&script, "    ", path, ":--", option->get_lnames().front(),
                    ") ", Reply(absl::StrJoin(choices, " ")), "; return ;;\n");
  }
}

bool StartsWithRun(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) return option->get_name() == "RUN";
  }
  return false;
}

std::string NamesOf(const std::vector<const CLI::App*>& apps) {
  std::vector<std::string> names;
  for (const CLI::App* app : apps) names.push_back(app->get_name());
  return absl::StrJoin(names, " ");
}

// What follows `verb noun`: its flags, or the first argument.
void AppendLeaf(const CLI::App& app, const std::string& path,
                const std::string& global_flags, std::string& script) {
  absl::StrAppend(&script, "    '", path, "')\n      if [[ $current == -* ]]; ",
                  "then\n        ",
                  Reply(absl::StrCat(absl::StrJoin(FlagNames(app), " "), " ",
                                     global_flags)),
                  "\n");
  if (StartsWithRun(app)) {
    absl::StrAppend(&script,
                    "      elif ((${#arguments[@]} == 0)); then\n        ",
                    Reply("$(_vadectl_runs)"), "\n");
  }
  absl::StrAppend(&script, "      fi ;;\n");
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::vector<std::string> value_flags;
  CollectValueFlags(app, value_flags);
  const std::string global_flags = absl::StrJoin(FlagNames(app), " ");

  std::string choices;
  AppendChoices(app, "*", choices);
  std::string leaves;
  std::string verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    absl::StrAppend(&verbs, "    '", verb->get_name(), "') ",
                    Reply(NamesOf(verb->get_subcommands({}))), " ;;\n");
    for (const CLI::App* noun : verb->get_subcommands({})) {
      const std::string path =
          absl::StrCat(verb->get_name(), " ", noun->get_name());
      AppendChoices(*noun, absl::StrCat("'", path, "'"), choices);
      AppendLeaf(*noun, path, global_flags, leaves);
    }
  }
  return absl::StrCat(
      "VADECTL_VALUE_FLAGS='", absl::StrJoin(value_flags, "|"), "'\n", kHead,
      "  case \"${path[*]}:$previous\" in\n", choices, "  esac\n",
      "  case \"${path[*]}\" in\n    '')\n",
      "      if [[ $current == -* ]]; then ", Reply(global_flags),
      "\n      else ", Reply(NamesOf(app.get_subcommands({}))),
      "\n      fi ;;\n", verbs, leaves, "  esac\n",
      "  ((${#COMPREPLY[@]})) || compopt -o default 2>/dev/null\n}\n", kTail);
}

}  // namespace vade::cli
