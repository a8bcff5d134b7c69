/* The types that a prompt's data have in Ollama: what its templates can ask of them. */
#include "text/gotemplate_value.h"

#define FIELDS(list) .fields = (list), .n_fields = sizeof(list) / sizeof((list)[0])

static const hl_gotemplate_type ANY = {.kind = GO_T_ANY, .name = "interface {}"};
static const hl_gotemplate_type INT = {.kind = GO_T_INT, .name = "int"};
static const hl_gotemplate_type STRING = {.kind = GO_T_STRING, .name = "string"};
static const hl_gotemplate_type STRINGS = {.kind = GO_T_LIST, .name = "[]string", .item = &STRING};
static const hl_gotemplate_type ANYS = {.kind = GO_T_LIST, .name = "[]interface {}", .item = &ANY};

/* "string", or ["string", "null"] */
static const hl_gotemplate_type PROPERTY_TYPE = {
    .kind = GO_T_LIST, .name = "api.PropertyType", .item = &STRING, .joins = true};

static const hl_gotemplate_type PROPERTY, PROPERTIES;
static const hl_gotemplate_type PROPERTY_LIST = {
    .kind = GO_T_LIST, .name = "[]api.ToolProperty", .item = &PROPERTY};
static const go_field PROPERTY_FIELDS[] = {
    {"AnyOf", "anyOf", &PROPERTY_LIST, true},
    {"Type", "type", &PROPERTY_TYPE, true},
    {"Items", "items", &ANY, true},
    {"Description", "description", &STRING, true},
    {"Enum", "enum", &ANYS, true},
    {"Properties", "properties", &PROPERTIES, true},
    {"Required", "required", &STRINGS, true},
};
static const hl_gotemplate_type PROPERTY = {
    .kind = GO_T_STRUCT, .name = "api.ToolProperty", FIELDS(PROPERTY_FIELDS)};
static const hl_gotemplate_type PROPERTIES = {.kind = GO_T_MAP,
                                              .name = "map[string]api.ToolProperty",
                                              .item = &PROPERTY,
                                              .prints_json = true,
                                              .ordered = true};

static const go_field PARAMETERS_FIELDS[] = {
    {"Type", "type", &STRING, false},
    {"Defs", "$defs", &ANY, true},
    {"Items", "items", &ANY, true},
    {"Required", "required", &STRINGS, true},
    {"Properties", "properties", &PROPERTIES, false},
};
static const hl_gotemplate_type PARAMETERS = {.kind = GO_T_STRUCT,
                                              .name = "api.ToolFunctionParameters",
                                              FIELDS(PARAMETERS_FIELDS),
                                              .prints_json = true};
static const go_field FUNCTION_FIELDS[] = {
    {"Name", "name", &STRING, false},
    {"Description", "description", &STRING, true},
    {"Parameters", "parameters", &PARAMETERS, false},
};
static const hl_gotemplate_type FUNCTION = {
    .kind = GO_T_STRUCT, .name = "api.ToolFunction", FIELDS(FUNCTION_FIELDS), .prints_json = true};
static const go_field TOOL_FIELDS[] = {
    {"Type", "type", &STRING, false},
    {"Items", "items", &ANY, true},
    {"Function", "function", &FUNCTION, false},
};
static const hl_gotemplate_type TOOL = {
    .kind = GO_T_STRUCT, .name = "api.Tool", FIELDS(TOOL_FIELDS), .prints_json = true};
static const hl_gotemplate_type TOOLS = {
    .kind = GO_T_LIST, .name = "api.Tools", .item = &TOOL, .prints_json = true};

static const hl_gotemplate_type ARGUMENTS = {.kind = GO_T_MAP,
                                             .name = "api.ToolCallFunctionArguments",
                                             .item = &ANY,
                                             .prints_json = true,
                                             .ordered = true};
static const go_field CALLED_FIELDS[] = {
    {"Index", "index", &INT, false},
    {"Name", "name", &STRING, false},
    {"Arguments", "arguments", &ARGUMENTS, false},
};
static const hl_gotemplate_type CALLED = {
    .kind = GO_T_STRUCT, .name = "api.ToolCallFunction", FIELDS(CALLED_FIELDS)};
static const go_field CALL_FIELDS[] = {
    {"ID", "id", &STRING, true},
    {"Function", "function", &CALLED, false},
};
static const hl_gotemplate_type CALL = {
    .kind = GO_T_STRUCT, .name = "api.ToolCall", FIELDS(CALL_FIELDS)};
static const hl_gotemplate_type CALLS = {
    .kind = GO_T_LIST, .name = "[]api.ToolCall", .item = &CALL};

static const go_field MESSAGE_FIELDS[] = {
    {"Role", "role", &STRING, false},
    {"Content", "content", &STRING, false},
    {"Thinking", "thinking", &STRING, true},
    {"Images", "images", &STRINGS, true},
    {"ToolCalls", "tool_calls", &CALLS, true},
    {"ToolName", "tool_name", &STRING, true},
    {"ToolCallID", "tool_call_id", &STRING, true},
};
static const hl_gotemplate_type MESSAGE = {
    .kind = GO_T_STRUCT, .name = "*api.Message", FIELDS(MESSAGE_FIELDS)};
static const hl_gotemplate_type MESSAGES = {
    .kind = GO_T_LIST, .name = "[]*api.Message", .item = &MESSAGE};

/* The variables themselves are a map: what is not there is no error. */
static const go_field ROOT_FIELDS[] = {
    {"Messages", "Messages", &MESSAGES, false},
    {"Tools", "Tools", &TOOLS, false},
};
const hl_gotemplate_type hl_gotemplate_ollama = {
    .kind = GO_T_MAP, .name = "map[string]interface {}", FIELDS(ROOT_FIELDS)};
