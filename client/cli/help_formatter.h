// HelpFormatter: CLI11's help, with descriptions wrapped at 80 columns.
#ifndef VADE_CLIENT_CLI_HELP_FORMATTER_H_
#define VADE_CLIENT_CLI_HELP_FORMATTER_H_

#include <CLI/CLI.hpp>
#include <string>

namespace vade::cli {

// Thread-compatible.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option,
                          bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* sub) const override;
};

// `text` broken at blanks into lines of at most `width` columns, each but the
// first indented by `indent` blanks. Longer words stay whole.
std::string WrapText(const std::string& text, int width, int indent);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_HELP_FORMATTER_H_
