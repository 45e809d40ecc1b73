// What the page itself says, in two languages. The description's own words are English.

const WORDS = {
  en: {
    answers: "Answers",
    any: "any",
    body: "Body",
    choices: "one of",
    document: "openapi.json",
    example: "With curl",
    find: "Find",
    failed: "The description can't be loaded: ",
    in_header: "header",
    in_path: "path",
    in_query: "query",
    language: "Language",
    none: "Nothing is found.",
    open: "open to all",
    operations: "Operations",
    parameters: "Parameters",
    permission: "Permission",
    preset: "if left out",
    required: "required",
  },
  zh: {
    answers: "响应",
    any: "任意",
    body: "请求体",
    choices: "取值之一",
    document: "openapi.json",
    example: "用 curl",
    find: "查找",
    failed: "无法加载接口描述：",
    in_header: "头",
    in_path: "路径",
    in_query: "查询",
    language: "语言",
    none: "没有找到。",
    open: "无需密钥",
    operations: "操作",
    parameters: "参数",
    permission: "权限",
    preset: "缺省",
    required: "必填",
  },
};

let language = "en";

export function choose(given) {
  language = WORDS[given] ? given : "en";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  return language;
}

export const say = (name) => WORDS[language][name];
