/* GET /ui: the chat and status page.  The files are those of web/, put into the program by the
 * build. */
#include "api/page_files.h" /* generated */
#include "api/visit.h"

typedef struct page_file {
    const char *name, *type;
    hl_str bytes;
} page_file;

static const page_file FILES[] = {
    {"", "text/html; charset=utf-8", HL_PAGE_index_html},
    {"app.js", "text/javascript; charset=utf-8", HL_PAGE_app_js},
    {"style.css", "text/css; charset=utf-8", HL_PAGE_style_css},
};

/* Nothing from elsewhere, no inline scripts, not inside another page. */
static const char POLICY[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
                             "connect-src 'self'; img-src data:; base-uri 'none'; "
                             "form-action 'none'; frame-ancestors 'none'";

static void answer_file(const hl__visit *v, const page_file *f) {
    hl_http_add_header(v->x, "Content-Security-Policy", POLICY);
    hl_http_add_header(v->x, "X-Content-Type-Options", "nosniff");
    hl_http_add_header(v->x, "Referrer-Policy", "no-referrer");
    hl_http_add_header(v->x, "Cache-Control", "no-cache");
    hl_http_answer(v->x, 200, f->type, f->bytes);
}

void hl__handle_page(hl__visit *v) {
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        if (hl_str_is(v->rest, FILES[i].name)) {
            answer_file(v, &FILES[i]);
            return;
        }
    hl_http_answer(v->x, 404, "text/plain", HL_STR("404 page not found"));
}
