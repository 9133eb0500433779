#include "flatten_value.h"

#include "policy.h"

int flatten_refuse_properties(const struct yaml_reader *reader)
{
	const struct node *node = &reader->node;

	if (node->kind == NODE_ALIAS)
		return diagnostics_error(reader->diagnostics, node->line,
					 "an alias is refused: write out what it stands for");
	if (node->anchored)
		return diagnostics_error(reader->diagnostics, node->line,
					 "an anchor is refused: write the value wherever it is meant");
	if (node->bad_tag)
		return diagnostics_error(reader->diagnostics, node->line,
					 "a tag is refused, except !!str, !!bool, !!seq and !!map where they agree");
	return 0;
}

const char *flatten_kind(const struct node *node)
{
	static const char *const types[] = {
	    [SCALAR_STRING] = "a text", [SCALAR_TRUE] = "a boolean",  [SCALAR_FALSE] = "a boolean",
	    [SCALAR_NULL] = "nothing",  [SCALAR_NUMBER] = "a number",
	};

	if (node->kind == NODE_LIST)
		return "a list";
	return node->kind == NODE_MAPPING ? "a mapping" : types[node->type];
}

int flatten_told(struct diagnostics *diagnostics, enum ini_writer_result result, unsigned line)
{
	if (result == INI_WRITER_OK)
		return 0;
	if (result == INI_WRITER_TOO_LONG)
		return diagnostics_error(diagnostics, line, "the value is too long (a line of the INI has %u bytes)",
					 INI_WRITER_LINE_MAX);
	return diagnostics_error(diagnostics, line, "out of memory");
}

/* What of these bytes would be cut, altered or misread in the INI; NULL: nothing. */
static const char *unwritable(const char *text, size_t length, bool item)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			return c == '\n' ? "a line end" : "a control character";
		if (item && (c == ' ' || c == ','))
			return c == ' ' ? "a space" : "a comma";
		if (c == ';' && (i == 0 || text[i - 1] == ' '))
			return "a ';' that would begin a comment";
	}
	if (item && length == 0)
		return "no text";
	if (item && (text[0] == '#' || text[0] == '['))
		return "a '#' or '[' first";
	if (!item && length > 0 && (text[0] == ' ' || text[length - 1] == ' '))
		return "a space at one end";
	return NULL;
}

static int check_bytes(const struct yaml_reader *reader, const struct policy_key *key, bool item)
{
	const struct node *node = &reader->node;
	const char *problem = unwritable(node->text, node->length, item);

	if (!problem)
		return 0;
	return diagnostics_error(reader->diagnostics, node->line,
				 "%s: the text has %s, which cannot stand in the INI%s", key->name, problem,
				 key->kind == VALUE_PATHS ? " (\\xNN in its place can)" : "");
}

/* The text of the current scalar as the INI has it, or NULL with an error told. */
static const char *scalar_text(const struct yaml_reader *reader, const struct policy_key *key, unsigned line)
{
	const struct node *node = &reader->node;

	if (node->kind != NODE_SCALAR || node->type == SCALAR_NULL) {
		(void)diagnostics_error(reader->diagnostics, line, "%s is one value, not %s%s", key->name,
					flatten_kind(node),
					key->kind == VALUE_EVENTS ? " (write \"\" for an empty one)" : "");
		return NULL;
	}
	if (key->kind == VALUE_BOOLEAN) {
		if (node->type == SCALAR_TRUE || node->type == SCALAR_FALSE)
			return node->type == SCALAR_TRUE ? "true" : "false";
		(void)diagnostics_error(reader->diagnostics, node->line, "%s is true or false without quotes, not %s",
					key->name, flatten_kind(node));
		return NULL;
	}
	if (node->type != SCALAR_STRING) {
		(void)diagnostics_error(reader->diagnostics, node->line, "%s is a text, not %s", key->name,
					flatten_kind(node));
		return NULL;
	}
	return check_bytes(reader, key, false) == 0 ? node->text : NULL;
}

static int take_scalar(struct yaml_reader *reader, struct ini_writer *writer, size_t section,
		       const struct policy_key *key, unsigned line)
{
	unsigned value_line = reader->node.line;
	const char *text = scalar_text(reader, key, line);

	if (text)
		(void)flatten_told(reader->diagnostics, ini_writer_scalar(writer, section, key->name, text, value_line),
				   value_line);
	return yaml_reader_skip(reader);
}

static int take_item(struct yaml_reader *reader, struct ini_writer *writer, size_t section,
		     const struct policy_key *key)
{
	const struct node *node = &reader->node;

	if (flatten_refuse_properties(reader) != 0)
		return yaml_reader_skip(reader);
	if (node->kind != NODE_SCALAR || node->type != SCALAR_STRING) {
		(void)diagnostics_error(reader->diagnostics, node->line, "%s is a list of texts, and this is %s%s",
					key->name, flatten_kind(node),
					node->kind == NODE_SCALAR ? " where it is not in quotes" : "");
		return yaml_reader_skip(reader);
	}
	if (check_bytes(reader, key, true) == 0)
		(void)flatten_told(reader->diagnostics, ini_writer_item(writer, section, node->text, node->line),
				   node->line);
	return 0;
}

static int take_list(struct yaml_reader *reader, struct ini_writer *writer, size_t section,
		     const struct policy_key *key, unsigned line)
{
	if (reader->node.kind != NODE_LIST) {
		(void)diagnostics_error(reader->diagnostics, line, "%s is a list, not %s%s", key->name,
					flatten_kind(&reader->node),
					reader->node.kind == NODE_SCALAR ? " (write [NAME, ...], or [] for none)" : "");
		return yaml_reader_skip(reader);
	}
	if (flatten_told(reader->diagnostics, ini_writer_list(writer, key->name, line), line) != 0)
		return yaml_reader_skip(reader);
	for (;;) {
		if (yaml_reader_next(reader) != 0)
			return -1;
		if (reader->node.kind == NODE_END)
			break;
		if (take_item(reader, writer, section, key) != 0)
			return -1;
	}
	(void)flatten_told(reader->diagnostics, ini_writer_list_end(writer, section), line);
	return 0;
}

int flatten_value(struct yaml_reader *reader, struct ini_writer *writer, size_t section, const struct policy_key *key,
		  unsigned line)
{
	if (policy_key_is_list(key))
		return take_list(reader, writer, section, key, line);
	return take_scalar(reader, writer, section, key, line);
}
