"""What each environment variable means, in Chinese: one line per variable, or `make check` says which lacks."""

WORDS = {
    "BMS_URL": "服务器在哪里，例如 https://bms.example:8000",
    "BMS_KEY": "密钥；命令行人人可读，所以用 --key @FILE 从文件读取",
    "BMS_CA": "PEM 文件，其中的证书代替系统的证书受到信任",
    "BMS_DATABASE_URL": "用别的数据库代替主目录里的 SQLite；主目录会记住它",
    "BMS_INDEX_URL": "从这个索引安装软件包，代替公共索引",
    "BMS_EXTRA_INDEX_URL": "先于它查询的索引，以空格分隔",
    "BMS_INDEX_<NAME>": "模型可以按名字使用的索引",
    "BMS_FIND_LINKS": "存放 wheel 的目录，以空格分隔",
    "BMS_OFFLINE": "1：只从这些目录和缓存中安装",
    "BMS_ALLOWED_UPSTREAMS": "除公共地址外，模型可以访问的网络和主机",
    "BMS_ALLOWED_ORIGINS": "其页面可以在浏览器中提问的来源（CORS）",
    "BMS_TRUSTED_PROXIES": "受信任的代理所在的网络，相信它们所说的请求来源",
    "BMS_NODE_AGENT": "在这个节点代理上运行模型和作业；none：在本机运行",
    "BMS_NODE_AGENT_SECRET": "存放节点代理密钥的文件",
}
