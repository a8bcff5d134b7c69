// The oracle of gotemplate_test.c: Go's own text/template.
//
//	main DATA.json <CASES.jsonl >RESULTS.jsonl
//
// A case is {"template": …, "data": …, "typed": bool}; without data it gets DATA.json.  A result is
// {"out": …} or {"error": …}.  Typed data are messages and tools as Go structs.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"text/template"
	"time"
)

type input struct {
	Template string          `json:"template"`
	Data     json.RawMessage `json:"data"`
	Typed    bool            `json:"typed"`
}

type output struct {
	Out   *string `json:"out,omitempty"`
	Error string  `json:"error,omitempty"`
}

type arguments map[string]any

func (a arguments) String() string { return encoded(a) }

type called struct {
	Index     int       `json:"index"`
	Name      string    `json:"name"`
	Arguments arguments `json:"arguments"`
}
type call struct {
	ID       string `json:"id,omitempty"`
	Function called `json:"function"`
}
type message struct {
	Role       string   `json:"role"`
	Content    string   `json:"content"`
	Thinking   string   `json:"thinking,omitempty"`
	Images     []string `json:"images,omitempty"`
	ToolCalls  []call   `json:"tool_calls,omitempty"`
	ToolName   string   `json:"tool_name,omitempty"`
	ToolCallID string   `json:"tool_call_id,omitempty"`
}

type oneOrMore []string

func (o oneOrMore) String() string {
	if len(o) == 0 {
		return ""
	}
	if len(o) == 1 {
		return o[0]
	}
	return fmt.Sprint([]string(o))
}
func (o oneOrMore) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}
func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*o = oneOrMore{s}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

type property struct {
	AnyOf       []property `json:"anyOf,omitempty"`
	Type        oneOrMore  `json:"type,omitempty"`
	Items       any        `json:"items,omitempty"`
	Description string     `json:"description,omitempty"`
	Enum        []any      `json:"enum,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	Required    []string   `json:"required,omitempty"`
}
type properties map[string]property

func (p properties) String() string { return encoded(p) }

type parameters struct {
	Type       string     `json:"type"`
	Defs       any        `json:"$defs,omitempty"`
	Items      any        `json:"items,omitempty"`
	Required   []string   `json:"required,omitempty"`
	Properties properties `json:"properties"`
}

func (p parameters) String() string { return encoded(p) }

type function struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Parameters  parameters `json:"parameters"`
}

func (f function) String() string { return encoded(f) }

type tool struct {
	Type     string   `json:"type"`
	Items    any      `json:"items,omitempty"`
	Function function `json:"function"`
}

func (t tool) String() string { return encoded(t) }

type toolList []tool

func (t toolList) String() string { return encoded(t) }

func encoded(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// Integers as int, as the C side has them; slices without spare room, so that {{slice}} ends there.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return int(i)
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return slices.Clip(v)
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	}
	return v
}

func decode(b []byte, typed bool) (map[string]any, error) {
	data := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		return nil, err
	}
	plain(data)
	if !typed {
		return data, nil
	}
	var known struct {
		Messages []*message
		Tools    toolList
	}
	if err := json.Unmarshal(b, &known); err != nil {
		return nil, err
	}
	data["Messages"] = slices.Clip(known.Messages)
	data["Tools"] = slices.Clip(known.Tools)
	return data, nil
}

// 2024-02-05 07:08:09, which the C side is told as well.
var now = time.Date(2024, 2, 5, 7, 8, 9, 0, time.UTC)

var functions = template.FuncMap{
	"json":          encoded,
	"currentDate":   func(...string) string { return now.Format("2006-01-02") },
	"yesterdayDate": func(...string) string { return now.AddDate(0, 0, -1).Format("2006-01-02") },
	// only that it is known; what it gives is no matter of Go's
	"toTypeScriptType": func(any) string { return "any" },
}

func render(in input, shared []byte) (string, error) {
	t, err := template.New("t").Option("missingkey=zero").Funcs(functions).Parse(in.Template)
	if err != nil {
		return "", err
	}
	if in.Data == nil {
		in.Data = shared
	}
	data, err := decode(in.Data, in.Typed)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return "", err
	}
	return b.String(), nil
}

func main() {
	shared, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	for lines.Scan() {
		var in input
		var out output
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			panic(err)
		}
		text, err := render(in, shared)
		if err != nil {
			out.Error = err.Error()
		} else {
			out.Out = &text
		}
		b, _ := json.Marshal(out)
		w.Write(append(b, '\n'))
	}
}
