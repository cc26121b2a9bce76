"""Markup by which a student might reach the browser of whoever reads it. None of it may act.

Each tries to set window.owned, to open a dialog, to load something, to leave the page, or to take
the place of an element of the page.
"""

OUT = "http://203.0.113.7"  # an address for documentation: nobody's
MARKUP = (
    "<script>window.owned = 1; alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror='window.owned = 1; alert(2)'>",
    f"<img src={OUT}/a.png>",
    f"![picture]({OUT}/b.png)",
    "<body onload=alert(3)>",
    "<details open ontoggle=alert(4)><summary>s</summary></details>",
    "<input autofocus onfocus=alert(5)>",
    "<a href='javascript:alert(6)'>a</a>",
    "[b](javascript:alert(7))",
    "[c](JaVaScRiPt&#58;alert(8))",
    "<a href='java\tscript:alert(9)'>d</a>",
    "[e](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "<a href='/api/contents/x' download>f</a>",
    "<iframe srcdoc='<script>alert(10)</script>'></iframe>",
    f"<iframe src={OUT}></iframe>",
    "<object data='data:text/html,<script>alert(11)</script>'></object>",
    f"<embed src={OUT}/c.swf>",
    "<svg onload=alert(12)><a xlink:href='javascript:alert(13)'><text y=20>g</text></a></svg>",
    "<svg><script>alert(14)</script><style><img src=x onerror=alert(15)></style></svg>",
    f"<style>@import '{OUT}/d.css'; * {{ display: none }}</style>",
    f"<link rel=stylesheet href={OUT}/e.css>",
    f"<p style='position:fixed;inset:0;background:url({OUT}/f.png)'>cover</p>",
    f"<meta http-equiv=refresh content='0;url={OUT}'>",
    f"<base href={OUT}/>",
    f"<form action={OUT}><button autofocus>h</button></form>",
    "<div id=explain_the_fall class='score nbgrader_cell'>mine</div>",
    "<textarea></textarea><title><xmp><noscript><plaintext>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--><img src=x onerror=alert(16)>'>",
    "</bdi></dd></pre></div></body></html><script>alert(17)</script>",
    "<!--><script>alert(18)</script>-->",
    "{{ 7 * 7 }}{% raw %}<%= 7 %>${alert(19)}",
    r"$\href{javascript:alert(20)}{x}$ $\require{html}\class{score}{y}\cssId{explain_the_fall}{z}$",
    r"<p>&#92;(\h&#114;ef{javascript:alert(21)}{u}&#92;)</p>",
    r"$\def\x{\x\x}\x$ $\unicode[alert(22)]{x41}$ $\style{position:fixed;inset:0}{w}$",
    "\x1b]8;;http://203.0.113.7\x07link\x1b]8;;\x07 \u202egnitirw\u202c",
    "|a|b|\n|-|-|\n" + "|<b onclick=alert(23)>1|2|\n" * 400,
)
