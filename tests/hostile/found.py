"""Files that once ended the process; each was found by the fuzzer."""

import base64
import zlib

_PARQUET = (
    "c-rk%F=$gk7{0srd`Z(NY2l9dAj47Yk-}?Dg$9ubUP5BUw8qe2>Go)zNuVY%i6(B24k9j!gHUkpC?eQFXvYi=4jD"
    "QYTpS!6L>#<(FE0&EBF4Gj@Za74-`)3rKllEZ<+)|7Vu~+j!~kXi2*p7Uus33WXE8BFJcKo@g>}Cd(f!_D0wN>4G"
    "c&?WQ6#Jip@PH}S-jyfMczz{KyAk=S7@tRFEp@N-l!k!AMDyDJ^t|O>&s^*{l5GB<LL}yATm90PRH)4_M{ld4?&0"
    "kR*m=y(6z>P$-Zx4RXFC6j>-jqgAD0v({4BCK_)B(2aLF3G7uJLR)7{V<Ti|mN;;5yfozreCo7a8<pGRjxkF-zFK"
    "7k>st8JwV2{K}!J+v9$#2Lyh#kRk^*B|<Q6%KL;n9#!3Q?J#d{)5UguPZ-R}s>bz6dlRZP@!C(w-pl6tTBjZ10?u"
    "7B1PeVU-JX?y=o4X{9<Buqp+*W8Z6@59mIN0=k~hj8vCCQP+{`x(YcOEf0}>NDd)8_OW+9Ay4fKQ3vD=d&kN{W8@"
    "+7>jLQn*x?lW>6h~MQ2Px34E?NJ6Lz@aucE6O-U}t~Lj;KzPhJFp5!Qn|m%DxUs@wncZ}5^ttjGoKa2K~YZ}CKtr"
    "#Ub3q!Z$a1m|mVlH~lR<2V_)J58ke>-7zB=@l_arCn!B+7$0YQYE5Wo296?PW0l!<R!1*UzK@yK^Ljy==&W0+LoK"
    "&nsdJ8=I0>q*lR$iHLL#Mq1{~EuGJQ;dcE4BkL-G*T&>W{v8CwJvSEtWFT4MO20&K)I{yIwodLH"
)
FOUND = {"histogram.parquet": zlib.decompress(base64.b85decode(_PARQUET))}
"""What the metadata says of a column disagrees with the schema."""
