"""Whether an answer to a held-out prompt is right (evaluate.py, evaluate_gguf.py)."""
import json
import re

TOKENS = {"story": 520, "code": 260, "json": 160, "tools": 160, "words": 140, "math": 100, "fim": 40}


def tokens_max(it):
    return TOKENS.get(it["cat"], 96)


def contains(answer, s):
    a, b = answer.lower(), s.strip().lower()
    if re.fullmatch(r"[\w.:-]+", b):
        return re.search(r"(?<![\w])" + re.escape(b) + r"(?![\w])", a) is not None
    return b in a


def calls(text):
    res = []
    for x in re.findall(r"<tool_call>\n?(.*?)\n?</tool_call>", text, re.S):
        try:
            j = json.loads(x)
            res.append([j["name"], j["arguments"]])
        except Exception:
            res.append(None)
    return res


def score(it, a):
    if "calls" in it:
        return calls(a) == it["calls"]
    if "exact" in it:
        return a.rstrip() == it["exact"].rstrip()
    ok = all(contains(a, s) or s.lower() in a.lower() and not s.strip().isdigit() for s in it["expect"])
    if it["cat"] == "story":
        ok = ok and (len(a.split()) >= 25) and a.rstrip()[-1:] in ".!?\"'"
    if it["cat"] == "json" and it["answer"][:1] in "{[":
        try:
            json.loads(a)
        except Exception:
            ok = False
    return ok
