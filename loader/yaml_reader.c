#include "yaml_reader.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "policy.h"

#define DIGITS "0123456789"

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* Integers and floats of YAML 1.1 and 1.2, sexagesimal ones ("190:20:30") too. */
static bool is_number(const char *text)
{
	static const char *const special[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};

	text += *text == '+' || *text == '-';
	if (is_one_of(text, special))
		return true;
	if (text[0] == '0' && text[1] && strchr("xXoObB", text[1]))
		return text[2] && text[2 + strspn(text + 2, DIGITS "abcdefABCDEF_")] == '\0';
	if (!isdigit((unsigned char)text[text[0] == '.' ? 1 : 0]))
		return false;
	text += strspn(text, DIGITS "_:");
	text += *text == '.';
	text += strspn(text, DIGITS "_");
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '+' || *text == '-';
		if (!isdigit((unsigned char)*text))
			return false;
		text += strspn(text, DIGITS);
	}
	return *text == '\0';
}

static enum scalar_type type_of_plain(const char *text)
{
	static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
	static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};
	static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};

	if (is_one_of(text, yes))
		return SCALAR_TRUE;
	if (is_one_of(text, no))
		return SCALAR_FALSE;
	if (is_one_of(text, null))
		return SCALAR_NULL;
	return is_number(text) ? SCALAR_NUMBER : SCALAR_STRING;
}

static void take_scalar(struct node *node, const yaml_event_t *event)
{
	const char *tag = (const char *)event->data.scalar.tag;
	bool boolean;

	node->kind = NODE_SCALAR;
	node->anchored = event->data.scalar.anchor != NULL;
	node->text = (const char *)event->data.scalar.value;
	node->length = event->data.scalar.length;
	node->merge = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(node->text, "<<") == 0;
	if (!tag) {
		node->type =
		    event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? type_of_plain(node->text) : SCALAR_STRING;
		return;
	}
	if (strcmp(tag, YAML_STR_TAG) == 0) {
		node->type = SCALAR_STRING;
		return;
	}
	node->type = type_of_plain(node->text);
	boolean = node->type == SCALAR_TRUE || node->type == SCALAR_FALSE;
	node->bad_tag = !boolean || strlen(node->text) != node->length || strcmp(tag, YAML_BOOL_TAG) != 0;
}

static void take_collection(struct node *node, enum node_kind kind, const yaml_char_t *anchor, const yaml_char_t *tag,
			    const char *expected)
{
	node->kind = kind;
	node->anchored = anchor != NULL;
	node->bad_tag = tag && strcmp((const char *)tag, expected) != 0;
}

static unsigned line_at(const struct yaml_reader *reader, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset && i < reader->length; i++)
		/* What is missing at the end is missed on the last line. */
		line += reader->text[i] == '\n' && i + 1 < reader->length;
	return line;
}

/* Tells what libyaml has to say. */
static int refuse(struct yaml_reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	const char *problem = parser->problem ? parser->problem : "not YAML";
	unsigned last = line_at(reader, reader->length);
	unsigned line = (unsigned)parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return diagnostics_error(reader->diagnostics, 0, "out of memory");
	if (parser->error == YAML_READER_ERROR)
		return diagnostics_error(reader->diagnostics, line_at(reader, parser->problem_offset), "%s", problem);
	if (line > last)
		line = last;
	if (strstr(problem, "cannot start any token"))
		return diagnostics_error(reader->diagnostics, line, "%s (an abstract @name is written in quotes)",
					 problem);
	if (parser->context)
		return diagnostics_error(reader->diagnostics, line, "%s %s, which began on line %zu", problem,
					 parser->context, parser->context_mark.line + 1);
	return diagnostics_error(reader->diagnostics, line, "%s", problem);
}

static int next_event(struct yaml_reader *reader)
{
	yaml_event_delete(&reader->event);
	return yaml_parser_parse(&reader->parser, &reader->event) ? 0 : refuse(reader);
}

static int expect_event(struct yaml_reader *reader, yaml_event_type_t type, const char *problem)
{
	if (next_event(reader) != 0)
		return -1;
	if (reader->event.type == type)
		return 0;
	return diagnostics_error(reader->diagnostics, (unsigned)reader->event.start_mark.line + 1, "%s", problem);
}

static int deepen(struct yaml_reader *reader)
{
	if (reader->depth == YAML_DEPTH_MAX)
		return diagnostics_error(reader->diagnostics, reader->node.line,
					 "nested too deeply (at most %u levels)", YAML_DEPTH_MAX);
	reader->depth++;
	return 0;
}

int yaml_reader_next(struct yaml_reader *reader)
{
	const yaml_event_t *event = &reader->event;
	struct node *node = &reader->node;

	if (next_event(reader) != 0)
		return -1;
	*node = (struct node){.line = (unsigned)event->start_mark.line + 1};
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		take_scalar(node, event);
		return 0;
	case YAML_SEQUENCE_START_EVENT:
		take_collection(node, NODE_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag,
				YAML_SEQ_TAG);
		return deepen(reader);
	case YAML_MAPPING_START_EVENT:
		take_collection(node, NODE_MAPPING, event->data.mapping_start.anchor, event->data.mapping_start.tag,
				YAML_MAP_TAG);
		return deepen(reader);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		node->kind = NODE_END;
		reader->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		node->kind = NODE_ALIAS;
		return 0;
	default:
		/* Nothing else stands within a document; should it ever, fail closed. */
		return diagnostics_error(reader->diagnostics, node->line, "the YAML parser lost its way");
	}
}

int yaml_reader_skip(struct yaml_reader *reader)
{
	unsigned outside;

	if (reader->node.kind != NODE_LIST && reader->node.kind != NODE_MAPPING)
		return 0;
	outside = reader->depth - 1;
	while (reader->depth > outside)
		if (yaml_reader_next(reader) != 0)
			return -1;
	return 0;
}

int yaml_reader_finish(struct yaml_reader *reader)
{
	if (expect_event(reader, YAML_DOCUMENT_END_EVENT, "the YAML parser lost its way") != 0)
		return -1;
	return expect_event(reader, YAML_STREAM_END_EVENT, "a second document: there may be only one");
}

/*
 * U+0085, U+2028, U+2029 and a lone CR end a line, and with it a comment, for libyaml, but not for
 * YAML 1.2, nor for most editors: what one reads there another does not, and lines are numbered otherwise.
 */
static int check_line_ends(const struct yaml_reader *reader)
{
	const char *text = reader->text;

	for (size_t i = 0; i < reader->length; i++) {
		size_t left = reader->length - i;
		bool odd = text[i] == '\r' && (left < 2 || text[i + 1] != '\n');

		odd = odd || (left >= 2 && memcmp(text + i, "\xC2\x85", 2) == 0);
		odd = odd || (left >= 3 && memcmp(text + i, "\xE2\x80", 2) == 0 &&
			      (text[i + 2] == '\xA8' || text[i + 2] == '\xA9'));
		if (odd)
			return diagnostics_error(reader->diagnostics, line_at(reader, i),
						 "a line ends with LF or CRLF, not with CR, U+0085, U+2028 or U+2029");
	}
	return 0;
}

static int open_document(struct yaml_reader *reader)
{
	if (expect_event(reader, YAML_STREAM_START_EVENT, "the YAML parser lost its way") != 0 ||
	    expect_event(reader, YAML_DOCUMENT_START_EVENT,
			 "the file holds no policy (write {} for one of defaults only)") != 0)
		return -1;
	return yaml_reader_next(reader);
}

int yaml_reader_open(struct yaml_reader *reader, const char *text, size_t length, struct diagnostics *diagnostics)
{
	/* libyaml counts a byte order mark as a column where it has not looked for the encoding itself. */
	size_t mark = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	*reader = (struct yaml_reader){.diagnostics = diagnostics, .text = text + mark, .length = length - mark};
	if (length > POLICY_TEXT_MAX)
		return diagnostics_error(diagnostics, 0, "the file is too large (at most %zu bytes)", POLICY_TEXT_MAX);
	if (check_line_ends(reader) != 0)
		return -1;
	if (!yaml_parser_initialize(&reader->parser))
		return diagnostics_error(diagnostics, 0, "out of memory");
	yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader->parser, (const unsigned char *)reader->text, reader->length);
	if (open_document(reader) == 0)
		return 0;
	yaml_reader_close(reader);
	return -1;
}

void yaml_reader_close(struct yaml_reader *reader)
{
	yaml_event_delete(&reader->event);
	yaml_parser_delete(&reader->parser);
}
